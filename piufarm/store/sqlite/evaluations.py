"""What the computation of states reads and writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from itertools import islice
from typing import Final

from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Node, Snapshot
from piufarm.store.sqlite.connection import Database
from piufarm.store.sqlite.rows import Row, clauses, find_section, numbers, numbers_text

_BATCH: Final = 1000  # packages a transaction: some 10 ms


def snapshot(cursor: sqlite3.Cursor, section: SectionName) -> Snapshot:
    """See Store.snapshot."""
    key = find_section(cursor, section)
    rows = cursor.execute(
        """
        SELECT p.name, p.test_version, p.listed, p.depends, p.pre_depends, p.provides, r.outcome,
            p.state, p.reason, p.chain, p.waiting, p.blocked, p.chosen
        FROM package AS p LEFT JOIN run AS r ON r.section_id = p.section_id AND r.package = p.name
            AND r.version = p.test_version AND r.standing = 'current'
        WHERE p.section_id = ? AND p.generation = ? ORDER BY p.name
        """,
        (key.id, key.generation),
    )
    return Snapshot(key.generation, key.counter, [_node(row) for row in rows])


def _node(row: Row) -> Node:
    name, version, listed, depends, pre_depends, provides, outcome, *computed = row
    state, reason, chain, waiting, blocked, chosen = computed
    return Node(
        name,
        version,
        bool(listed),
        clauses(depends) + clauses(pre_depends),
        tuple(provides.split(",")) if provides else (),
        Outcome(outcome) if outcome else None,
        ComputedState(PackageState(state), reason, chain, waiting, blocked, numbers(chosen)),
    )


def set_states(
    database: Database, section: SectionName, states: Mapping[Package, ComputedState], evaluated: Snapshot
) -> None:
    """See Store.set_states."""
    with database.read() as cursor:
        key = find_section(cursor, section)
    rows = (
        (
            computed.state, computed.reason, computed.chain, computed.waiting, computed.blocked,
            numbers_text(computed.chosen), _weight(computed), key.id, evaluated.generation, name, evaluated.counter,
        )
        for name, computed in states.items()
    )  # fmt: skip
    while batch := list(islice(rows, _BATCH)):
        with database.write() as cursor:
            cursor.executemany(
                "UPDATE package SET state = ?, reason = ?, chain = ?, waiting = ?, blocked = ?, chosen = ?, weight = ?"
                " WHERE section_id = ? AND generation = ? AND name = ? AND changed <= ?",
                batch,
            )
    with database.write() as cursor:
        cursor.execute(
            "UPDATE section SET evaluated = max(evaluated, ?) WHERE id = ?", (evaluated.counter, key.id)
        )


def _weight(computed: ComputedState) -> int:
    """The order of candidates: first by the smaller of the two counts, then by how many packages wait."""
    return min(computed.chain, computed.waiting) << 32 | computed.waiting


def evaluation_due(cursor: sqlite3.Cursor, section: SectionName) -> bool:
    """See Store.evaluation_due."""
    row = cursor.execute("SELECT counter > evaluated FROM section WHERE name = ?", (section,)).fetchone()
    return row is not None and bool(row[0])
