"""What the computation of states reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from piufarm.faults import fault_point
from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.evaluations import Circumstances
from piufarm.store.model import ComputedState, ForeignPackage, ForeignSection, Node, Snapshot
from piufarm.store.relations_text import RelationsReader
from piufarm.store.sql import sections
from piufarm.store.sql.database import Cursor, Database, Row
from piufarm.store.sql.rows import (
    SectionKey,
    candidate_weight,
    find_section,
    lock_section,
    lock_states,
    note_change,
    numbers,
    numbers_text,
)

_READ_BATCH: Final = 500
_BATCH: Final = 200  # packages a transaction, which results of the section wait for: some milliseconds
_OUTCOME_AND_STATE: Final = """
    r.outcome, p.retest_rank > 0, p.state, p.reason, p.chain, p.waiting, p.blocked, p.chosen, p.retestable, p.blocker
"""
_NODE_COLUMNS: Final = f"""
    p.name, p.version, p.test_version, p.listed, p.depends, p.pre_depends, p.provides, {_OUTCOME_AND_STATE}
"""
_WITH_RESULTS: Final = """
    package AS p LEFT JOIN run AS r ON r.section_id = p.section_id AND r.package = p.name
        AND r.version = p.test_version AND r.standing = 'current'
"""
_PRESENT: Final = "p.section_id = :section_id AND p.generation = :generation"


def snapshot(cursor: Cursor, section: SectionName) -> Snapshot:
    """See Store.snapshot."""
    key = find_section(cursor, section)
    read = RelationsReader()
    query = f"SELECT {_NODE_COLUMNS} FROM {_WITH_RESULTS} WHERE {_PRESENT} ORDER BY p.name"
    nodes = [_node(row, read) for batch in cursor.batches(query, _READ_BATCH, key.columns) for row in batch]
    return Snapshot(key.generation, key.counter, nodes, _others(cursor, key))


def _node(row: Row, read: RelationsReader) -> Node:
    name, archive_version, version, listed, depends, pre_depends, provides, *rest = row
    outcome, recycled, stored = _outcome_and_state(rest)
    clauses = read.clauses(depends) + read.clauses(pre_depends) if pre_depends else read.clauses(depends)
    return Node(
        name, version, bool(listed), clauses, read.provides(provides), outcome, stored, archive_version, recycled
    )


def _outcome_and_state(columns: Sequence[Any]) -> tuple[Outcome | None, bool, ComputedState]:
    outcome, recycled, state, reason, chain, waiting, blocked, chosen, retestable, blocker = columns
    return (
        Outcome(outcome) if outcome else None,
        bool(recycled),
        ComputedState(
            PackageState(state), reason, chain, waiting, blocked, numbers(chosen), bool(retestable), blocker
        ),
    )


def _others(cursor: Cursor, key: SectionKey) -> Sequence[ForeignSection]:
    found = []
    for name in sections.looked_into(cursor, key):
        other = find_section(cursor, name)
        if other.generation > 0:
            packages = _foreign_packages(cursor, other)
            found.append(ForeignSection(name, packages, sections.revision(cursor, name)))
    return found


def _foreign_packages(cursor: Cursor, key: SectionKey) -> Sequence[ForeignPackage]:
    read = RelationsReader()
    query = (
        f"SELECT p.name, p.version, p.provides, p.state, r.outcome FROM {_WITH_RESULTS} WHERE {_PRESENT}"
        " ORDER BY p.name"
    )
    rows = (row for batch in cursor.batches(query, _READ_BATCH, key.columns) for row in batch)
    return [
        ForeignPackage(
            name, version, read.provides(provides), PackageState(state), Outcome(outcome) if outcome else None
        )
        for name, version, provides, state, outcome in rows
    ]


def circumstances(cursor: Cursor, section: SectionName) -> Circumstances:
    """See Store.circumstances."""
    key = find_section(cursor, section)
    return _circumstances(cursor, key, _others(cursor, key))


def _circumstances(cursor: Cursor, key: SectionKey, others: Sequence[ForeignSection]) -> Circumstances:
    outcomes = cursor.execute(
        "SELECT package, version, outcome FROM run WHERE section_id = :section_id AND standing = 'current'",
        {"section_id": key.id},
    ).fetchall()
    recycled = cursor.execute(
        "SELECT package, version FROM recycle WHERE section_id = :section_id", {"section_id": key.id}
    ).fetchall()
    return Circumstances(
        key.counter,
        {(package, version): Outcome(outcome) for package, version, outcome in outcomes},
        frozenset((package, version) for package, version in recycled),
        others,
    )


def changes_since(
    cursor: Cursor, section: SectionName, snapshot: Snapshot
) -> tuple[Circumstances, Mapping[str, ComputedState]] | None:
    """See Store.changes_since."""
    key = find_section(cursor, section)
    others = {name: sections.revision(cursor, name) for name in sections.looked_into(cursor, key)}
    known = {other.name: other.revision for other in snapshot.others}
    if key.generation != snapshot.generation or any(known.get(name, 0) != number for name, number in others.items()):
        return None
    if sections.evaluated(cursor, key) < snapshot.counter:
        return None  # the database has crashed: what was written last, and not yet synced, is undone
    stored: dict[str, ComputedState] = {}
    for condition in (
        "p.changed > 0 AND p.changed > :counter",
        "p.name IN (SELECT package FROM recycle WHERE section_id = :section_id)",
    ):
        rows = cursor.execute(
            f"SELECT p.name, {_OUTCOME_AND_STATE} FROM {_WITH_RESULTS} WHERE {_PRESENT} AND {condition}",
            {**key.columns, "counter": snapshot.counter},
        )
        stored.update((name, _outcome_and_state(columns)[2]) for name, *columns in rows.fetchall())
    return _circumstances(cursor, key, snapshot.others), stored


def set_states(
    database: Database, section: SectionName, states: Mapping[Package, ComputedState], evaluated: Snapshot
) -> None:
    """See Store.set_states."""
    with database.read() as cursor:
        key = find_section(cursor, section)
    moment = SectionKey(key.id, evaluated.generation, evaluated.counter)
    rows = iter(states.items())
    while batch := list(islice(rows, _BATCH)):
        with database.write(durable=False) as cursor:
            if lock_section(cursor, section).generation != evaluated.generation:
                return  # these packages are being removed, and others have taken their place
            _write(cursor, moment, batch)
        fault_point("evaluate.batch-written")
    with database.write(durable=False) as cursor:
        if lock_section(cursor, section).generation != evaluated.generation:
            return
        if states:
            sections.states_changed(cursor, key)
        elif sections.evaluated(cursor, key) > evaluated.counter:
            return  # another computation has seen more, and none of its states was replaced
        sections.mark_evaluated(cursor, key, evaluated.counter, evaluated.others)
        fault_point("evaluate.marked")


def reconsidered(
    cursor: Cursor, section: SectionName, states: Mapping[Package, ComputedState], moment: tuple[int, int]
) -> None:
    """See Store.reconsidered; `moment` is generation and counter of the neighbourhood."""
    key = lock_states(cursor, section)
    generation, counter = moment
    if key.generation == generation:
        # a change of its own: whoever computes states meanwhile may have seen more than the neighbourhood, or less
        note_change(cursor, key)
        _write(cursor, SectionKey(key.id, generation, counter), states.items(), changed=key.counter + 1)


def _write(
    cursor: Cursor, moment: SectionKey, states: Iterable[tuple[Package, ComputedState]], *, changed: int | None = None
) -> None:
    """Write states that were computed at a moment; `changed` keeps computations of earlier moments off them."""
    common = {**moment.columns, "counter": moment.counter, "changed": changed}
    cursor.executemany(
        """
        UPDATE package SET state = :state, reason = :reason, chain = :chain, waiting = :waiting, blocked = :blocked,
            chosen = :chosen, weight = :weight, retestable = :retestable, blocker = :blocker,
            changed = coalesce(:changed, changed)
        WHERE section_id = :section_id AND generation = :generation AND name = :name AND changed <= :counter
        """,
        [
            {
                **common, "name": name, "state": computed.state.value, "reason": computed.reason,
                "chain": computed.chain, "waiting": computed.waiting, "blocked": computed.blocked,
                "chosen": numbers_text(computed.chosen), "weight": candidate_weight(computed),
                "retestable": int(computed.retestable), "blocker": computed.blocker,
            }
            for name, computed in states
        ],
    )  # fmt: skip
