"""Packages that are to be tested again: the queue, and how it shows in the rows of packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from piufarm.faults import fault_point
from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState
from piufarm.store.attempts import RecycleMark
from piufarm.store.sql.database import Cursor, Database, Parameters, Row
from piufarm.store.sql.packages import counts
from piufarm.store.sql.rows import SectionKey, count_change, find_section, lock_section, micros, moment

_BATCH: Final = 100  # packages a transaction, which results of the section wait for: some 50 ms at most
_PASSED: Final = 1 << 62  # added to the rank of what has passed
_WHAT: Final = "section_id = :section_id AND package = :package AND version = :version"


def queue(
    database: Database, section: SectionName, packages: Iterable[Package], now: datetime
) -> Mapping[Package, bool]:
    """See Store.queue_recycle."""
    with database.read() as cursor:
        found = sorted(_by_age(cursor, find_section(cursor, section), packages))
    done: dict[Package, bool] = {}
    rows = iter(enumerate(name for _, name in found))
    while batch := list(islice(rows, _BATCH)):
        with database.write() as cursor:
            key = lock_section(cursor, section)
            for position, name in batch:  # each is marked a microsecond later, so that the marks keep the order
                acted = _queue_one(cursor, key, name, micros(now) + position)
                if acted is not None:
                    done[Package(name)] = acted
                fault_point("recycle.marked")
            count_change(cursor, key)
    return done


def _by_age(cursor: Cursor, key: SectionKey, packages: Iterable[Package]) -> list[tuple[int, str]]:
    """The packages that are there, with the times of their results (0: none)."""
    found = []
    for name in dict.fromkeys(packages):
        row = cursor.execute(
            """
            SELECT coalesce(r.received_at, 0) FROM package AS p LEFT JOIN run AS r ON r.section_id = p.section_id
                AND r.package = p.name AND r.version = p.test_version AND r.standing = 'current'
            WHERE p.section_id = :section_id AND p.generation = :generation AND p.name = :name AND p.listed = 1
            """,
            {**key.columns, "name": name},
        ).fetchone()
        if row is not None:
            found.append((int(row[0]), str(name)))
    return found


def _queue_one(cursor: Cursor, key: SectionKey, name: str, queued_at: int) -> bool | None:
    """Whether anything was done; None if the package has gone meanwhile."""
    row = cursor.execute(
        "SELECT test_version FROM package WHERE section_id = :section_id AND generation = :generation AND name = :name",
        {**key.columns, "name": name},
    ).fetchone()
    if row is None:
        return None
    what = {"section_id": key.id, "package": name, "version": row[0]}
    released = release(cursor, what)
    if released:
        set_free(cursor, key, what)
    outcome = current_outcome(cursor, what)
    if outcome is not None:
        mark(cursor, key, what, queued_at, passed=outcome == "pass")
    return released or outcome is not None


def current_outcome(cursor: Cursor, what: Parameters, *, until: datetime | None = None) -> str | None:
    """The outcome of the current run of a version, None if it has none that came `until` then."""
    row = cursor.execute(
        f"SELECT outcome, received_at FROM run WHERE {_WHAT} AND standing = 'current'", what
    ).fetchone()
    return str(row[0]) if row and (until is None or row[1] <= micros(until)) else None


def mark(cursor: Cursor, key: SectionKey, what: Parameters, queued_at: int, *, passed: bool) -> None:
    """Mark a version, unless it is marked already; the package must be locked."""
    rank = queued_at + (_PASSED if passed else 0)
    cursor.execute(
        "INSERT INTO recycle (section_id, package, version, queued_at, rank)"
        " VALUES (:section_id, :package, :version, :queued_at, :rank) ON CONFLICT DO NOTHING",
        {**what, "queued_at": queued_at, "rank": rank},
    )
    if cursor.rowcount > 0:
        cursor.execute(
            "UPDATE package SET retest_rank = :rank WHERE section_id = :section_id AND generation = :generation"
            " AND name = :package AND test_version = :version",
            {**what, **key.columns, "rank": rank},
        )


def release(cursor: Cursor, what: Parameters) -> bool:
    """Let a version go that is held back, which has to be `set_free` then; False if it is not.

    The package must be locked.
    """
    cursor.execute(f"DELETE FROM hold WHERE {_WHAT}", what)
    held = cursor.rowcount > 0
    cursor.also(f"UPDATE trouble SET counted = 0 WHERE {_WHAT} AND counted = 1", what)
    return held


def set_free(cursor: Cursor, key: SectionKey, what: Parameters) -> None:
    """Let a version be handed out unless somebody has it or it is held back; the package must be locked."""
    cursor.also(
        f"""
        UPDATE package SET free = CASE WHEN EXISTS (SELECT 1 FROM reservation WHERE {_WHAT})
            OR EXISTS (SELECT 1 FROM hold WHERE {_WHAT}) THEN 0 ELSE 1 END
        WHERE section_id = :section_id AND generation = :generation AND name = :package AND test_version = :version
        """,
        {**what, **key.columns},
    )


def unmark(cursor: Cursor, key: SectionKey, what: Parameters) -> None:
    """Take the mark of a version away, if there is one and nobody is about to change it."""
    # waits for nobody: those who hand packages out have locked rows that others may want by now
    lock = cursor.locking("FOR UPDATE SKIP LOCKED")
    if cursor.execute(f"SELECT 1 FROM recycle WHERE {_WHAT} {lock}", what).fetchone() is not None:
        cursor.execute(f"DELETE FROM recycle WHERE {_WHAT}", what)
        cursor.execute(
            "UPDATE package SET retestable = 0, retest_rank = 0 WHERE section_id = :section_id"
            " AND generation = :generation AND name = :package AND test_version = :version",
            {**what, **key.columns},
        )


def recycle_queue(cursor: Cursor, section: SectionName) -> Sequence[RecycleMark]:
    """See Store.recycle_queue."""
    rows = cursor.execute(
        "SELECT package, version, queued_at FROM recycle WHERE section_id = :section_id ORDER BY queued_at, package",
        {"section_id": find_section(cursor, section).id},
    ).fetchall()
    return [_mark(section, row) for row in rows]


def tested_packages(
    cursor: Cursor, section: SectionName, problem: str | None, before: datetime | None
) -> Sequence[Package]:
    """See Store.tested_packages."""
    rows = cursor.execute(
        """
        SELECT r.package FROM run AS r JOIN package AS p ON p.section_id = r.section_id AND p.generation = :generation
            AND p.name = r.package AND p.test_version = r.version AND p.listed = 1
        WHERE r.section_id = :section_id AND r.standing = 'current'
            AND (CAST(:problem AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM classification AS c
                WHERE c.run_id = r.id AND c.problem = :problem))
            AND (CAST(:before AS BIGINT) IS NULL OR r.received_at < :before)
        ORDER BY r.received_at, r.package
        """,
        {
            **find_section(cursor, section).columns, "problem": problem,
            "before": None if before is None else micros(before),
        },
    ).fetchall()  # fmt: skip
    return [Package(row[0]) for row in rows]


def is_queued(cursor: Cursor, section: SectionName) -> bool:
    """See Store.has_recycle_queue."""
    row = cursor.execute(
        "SELECT 1 FROM recycle WHERE section_id = :section_id LIMIT 1",
        {"section_id": find_section(cursor, section).id},
    ).fetchone()
    return row is not None


def _mark(section: SectionName, row: Row) -> RecycleMark:
    package, version, queued_at = row
    return RecycleMark(section, Package(package), Version(version), moment(queued_at))


def retest_counts(cursor: Cursor, section: SectionName) -> dict[PackageState, int]:
    """See Store.retest_counts."""
    found = counts(cursor, section)
    for stored, seen in _seen_by_retests(cursor, section).values():
        found[stored] -= 1
        found[seen] += 1
    return found


def retest_states(cursor: Cursor, section: SectionName) -> dict[Package, PackageState]:
    """See Store.retest_states."""
    return {name: seen for name, (_, seen) in _seen_by_retests(cursor, section).items()}


def _seen_by_retests(cursor: Cursor, section: SectionName) -> dict[Package, tuple[PackageState, PackageState]]:
    """Packages that are marked or in hand: their states, and those that they have for slaves that test again."""
    key = find_section(cursor, section)
    same = (
        "p.section_id = {table}.section_id AND p.generation = :generation AND p.name = {table}.package"
        " AND p.test_version = {table}.version AND p.listed = 1 AND p.state <> 'outdated'"
    )
    held = f"SELECT p.name, p.state, 1 FROM reservation JOIN package AS p ON {same.format(table='reservation')}"
    marked = f"SELECT p.name, p.state, p.retestable FROM recycle JOIN package AS p ON {same.format(table='recycle')}"
    found: dict[Package, tuple[PackageState, PackageState]] = {}
    for query in (marked, held):
        for name, state, ready in cursor.execute(f"{query} WHERE p.section_id = :section_id", key.columns):
            seen = PackageState.WAITING_TO_BE_TESTED if ready else PackageState.WAITING_FOR_DEPENDENCY
            found[Package(name)] = PackageState(state), seen
    return found
