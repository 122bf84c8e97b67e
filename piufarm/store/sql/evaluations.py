"""What the computation of states reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Node, Snapshot
from piufarm.store.relations_text import RelationsReader
from piufarm.store.sql.database import Cursor, Database, Row
from piufarm.store.sql.rows import find_section, numbers, numbers_text

_BATCH: Final = 1000  # packages a transaction: some 10 ms


def snapshot(cursor: Cursor, section: SectionName) -> Snapshot:
    """See Store.snapshot."""
    key = find_section(cursor, section)
    read = RelationsReader()
    rows = cursor.execute(
        """
        SELECT p.name, p.version, p.test_version, p.listed, p.depends, p.pre_depends, p.provides, r.outcome,
            p.retest_rank > 0, p.state, p.reason, p.chain, p.waiting, p.blocked, p.chosen, p.retestable
        FROM package AS p LEFT JOIN run AS r ON r.section_id = p.section_id AND r.package = p.name
            AND r.version = p.test_version AND r.standing = 'current'
        WHERE p.section_id = :section_id AND p.generation = :generation ORDER BY p.name
        """,
        key.columns,
    )
    return Snapshot(key.generation, key.counter, [_node(row, read) for row in rows])


def _node(row: Row, read: RelationsReader) -> Node:
    name, archive_version, version, listed, depends, pre_depends, provides, outcome, recycled, *computed = row
    state, reason, chain, waiting, blocked, chosen, retestable = computed
    return Node(
        name,
        version,
        bool(listed),
        read.clauses(depends) + read.clauses(pre_depends),
        read.provides(provides),
        Outcome(outcome) if outcome else None,
        ComputedState(PackageState(state), reason, chain, waiting, blocked, numbers(chosen), bool(retestable)),
        archive_version,
        bool(recycled),
    )


def set_states(
    database: Database, section: SectionName, states: Mapping[Package, ComputedState], evaluated: Snapshot
) -> None:
    """See Store.set_states."""
    with database.read() as cursor:
        key = find_section(cursor, section)
    common = {"section_id": key.id, "generation": evaluated.generation, "counter": evaluated.counter}
    rows = (
        {
            **common, "name": name, "state": computed.state, "reason": computed.reason, "chain": computed.chain,
            "waiting": computed.waiting, "blocked": computed.blocked, "chosen": numbers_text(computed.chosen),
            "weight": _weight(computed), "retestable": int(computed.retestable),
        }
        for name, computed in states.items()
    )  # fmt: skip
    while batch := list(islice(rows, _BATCH)):
        with database.write() as cursor:
            cursor.executemany(
                """
                UPDATE package SET state = :state, reason = :reason, chain = :chain, waiting = :waiting,
                    blocked = :blocked, chosen = :chosen, weight = :weight, retestable = :retestable
                WHERE section_id = :section_id AND generation = :generation AND name = :name AND changed <= :counter
                """,
                batch,
            )
    with database.write() as cursor:
        cursor.execute(
            "UPDATE section SET evaluated = :counter WHERE id = :section_id AND evaluated < :counter", common
        )


def _weight(computed: ComputedState) -> int:
    """The order of candidates: first by the smaller of the two counts, then by how many packages wait."""
    return min(computed.chain, computed.waiting) << 32 | computed.waiting


def evaluation_due(cursor: Cursor, section: SectionName) -> bool:
    """See Store.evaluation_due."""
    row = cursor.execute("SELECT counter > evaluated FROM section WHERE name = :name", {"name": section}).fetchone()
    return row is not None and bool(row[0])
