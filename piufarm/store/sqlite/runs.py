"""Results: what a new one means, and the history of all of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.errors import StoreError
from piufarm.store.model import NewRun, Placement, Recorded, Run, Standing, outcome_reason, run_log
from piufarm.store.sqlite.connection import Database
from piufarm.store.sqlite.rows import Row, SectionKey, count_change, find_section, make_section, micros, moment

_COLUMNS: Final = (
    "r.id, s.name, r.package, r.version, r.outcome, r.standing, r.placement, r.slave, r.received_at,"
    " r.log, r.log_bytes, r.log_sha256"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM run AS r JOIN section AS s ON s.id = r.section_id"

_STATE_OF: Final = {
    Outcome.PASS: PackageState.SUCCESSFULLY_TESTED,
    Outcome.FAIL: PackageState.FAILED_TESTING,
    Outcome.UNTESTABLE: PackageState.CANNOT_BE_TESTED,
}


def _run(row: Row) -> Run:
    run_id, section, package, version, outcome, standing, placement, slave, received_at, *log = row
    return Run(
        run_id,
        SectionName(section),
        Package(package),
        Version(version),
        Outcome(outcome),
        Standing(standing),
        Placement(placement),
        slave,
        moment(received_at),
        *log,
    )


def record_run(cursor: sqlite3.Cursor, section: SectionName, new: NewRun) -> Recorded:
    """See Store.record_run; `cursor` excludes other writers."""
    key = make_section(cursor, section)
    what = (key.id, new.package, new.version)
    holds = _end_reservation(cursor, what, new.slave)
    if not holds and (earlier := _same_result(cursor, what, new)) is not None:
        return Recorded(earlier, duplicate=True)
    current = _current(cursor, what)
    if holds or current is None:
        standing = Standing.CURRENT
    else:
        standing = Standing.LATE if _held_once(cursor, what, new.slave) else Standing.UNRESERVED
    superseded = current if standing is Standing.CURRENT else None
    if superseded is not None:
        cursor.execute("UPDATE run SET standing = 'superseded' WHERE id = ?", (superseded.run_id,))
    run = _insert(cursor, key, section, new, standing)
    if standing is Standing.CURRENT:
        _enter_state(cursor, key, run)
    return Recorded(run, superseded)


def _end_reservation(cursor: sqlite3.Cursor, what: Row, slave: str | None) -> bool:
    """Whether the sender held the reservation (or nobody in particular did), which ends here."""
    cursor.execute(
        "DELETE FROM reservation WHERE section_id = ? AND package = ? AND version = ? AND (owner IS NULL OR owner = ?)",
        (*what, slave),
    )
    held = cursor.rowcount > 0
    if held:
        cursor.execute(
            "DELETE FROM lapsed WHERE section_id = ? AND package = ? AND version = ? AND owner = ?", (*what, slave)
        )
    return held


def _same_result(cursor: sqlite3.Cursor, what: Row, new: NewRun) -> Run | None:
    row = cursor.execute(
        f"{_SELECT} WHERE r.section_id = ? AND r.package = ? AND r.version = ? AND r.outcome = ? AND r.log_sha256 = ?"
        " AND r.slave IS ? ORDER BY r.received_at DESC LIMIT 1",
        (*what, new.outcome, new.log_sha256, new.slave),
    ).fetchone()
    return _run(row) if row else None


def _current(cursor: sqlite3.Cursor, what: Row) -> Run | None:
    row = cursor.execute(
        f"{_SELECT} WHERE r.section_id = ? AND r.package = ? AND r.version = ? AND r.standing = 'current'", what
    ).fetchone()
    return _run(row) if row else None


def _held_once(cursor: sqlite3.Cursor, what: Row, slave: str | None) -> bool:
    row = cursor.execute(
        "SELECT 1 FROM lapsed WHERE section_id = ? AND package = ? AND version = ? AND owner = ?", (*what, slave)
    ).fetchone()
    return row is not None


def _insert(cursor: sqlite3.Cursor, key: SectionKey, section: SectionName, new: NewRun, standing: Standing) -> Run:
    placement = Placement(new.outcome.value)
    log = run_log(new.run_id)
    cursor.execute(
        "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.run_id, key.id, new.package, new.version, new.outcome, standing, placement, new.slave,
            micros(new.received_at), log, new.log_bytes, new.log_sha256,
        ),
    )  # fmt: skip
    return Run(
        new.run_id, section, new.package, new.version, new.outcome, standing, placement, new.slave,
        new.received_at, log, new.log_bytes, new.log_sha256,
    )  # fmt: skip


def _enter_state(cursor: sqlite3.Cursor, key: SectionKey, run: Run) -> None:
    """Let the package itself show the result at once; what depends on it follows with the next evaluation."""
    counter = count_change(cursor, key)
    cursor.execute(
        "UPDATE package SET state = ?, reason = ?, changed = ?"
        " WHERE section_id = ? AND generation = ? AND name = ? AND test_version = ?",
        (
            _STATE_OF[run.outcome], outcome_reason(run.outcome, run.version), counter,
            key.id, key.generation, run.package, run.version,
        ),
    )  # fmt: skip


def runs(
    database: Database, section: SectionName, package: Package | None, *, current_only: bool
) -> Iterator[Run]:
    """See Store.runs."""
    rows = database.stream(
        f"{_SELECT} WHERE s.name = ?1 AND (?2 IS NULL OR r.package = ?2) AND (?3 = 0 OR r.standing = 'current')"
        " ORDER BY r.package, r.received_at DESC, r.id DESC",
        (section, package, int(current_only)),
    )
    return map(_run, rows)


def run(cursor: sqlite3.Cursor, run_id: str) -> Run | None:
    """See Store.run."""
    row = cursor.execute(f"{_SELECT} WHERE r.id = ?", (run_id,)).fetchone()
    return _run(row) if row else None


def set_placement(cursor: sqlite3.Cursor, run_id: str, placement: Placement) -> None:
    """See Store.set_placement."""
    cursor.execute("UPDATE run SET placement = ? WHERE id = ?", (placement, run_id))
    if cursor.rowcount == 0:
        raise StoreError(f"no run {run_id}")


def runs_out_of_place(cursor: sqlite3.Cursor, section: SectionName) -> Sequence[Run]:
    """See Store.runs_out_of_place."""
    key = find_section(cursor, section)
    rows = cursor.execute(
        f"""{_SELECT} LEFT JOIN package AS p ON p.section_id = r.section_id AND p.generation = ?
            AND p.name = r.package AND p.test_version = r.version
        WHERE r.section_id = ? AND r.standing = 'current' AND p.id IS NULL ORDER BY r.package, r.received_at""",
        (key.generation, key.id),
    )
    return [_run(row) for row in rows]


def retire(cursor: sqlite3.Cursor, section: SectionName, run_ids: Iterable[str]) -> None:
    """See Store.retire."""
    key = find_section(cursor, section)
    counter = count_change(cursor, key)
    for run_id in run_ids:
        found = cursor.execute(
            "UPDATE run SET standing = 'retired' WHERE id = ? AND standing = 'current' RETURNING package, version",
            (run_id,),
        ).fetchone()
        if found is not None:
            cursor.execute(
                "UPDATE package SET state = ?, reason = ?, changed = ?"
                " WHERE section_id = ? AND generation = ? AND name = ? AND test_version = ?",
                (PackageState.UNKNOWN, "its result was retired; its state has not been computed yet", counter,
                 key.id, key.generation, *found),
            )  # fmt: skip
