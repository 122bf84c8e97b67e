"""Results: what a new one means, and the history of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from piufarm.faults import fault_point
from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.errors import StoreError
from piufarm.store.model import NewRun, Placement, Recorded, Run, Standing, outcome_reason, run_log
from piufarm.store.sql import recycling, slaves
from piufarm.store.sql.database import Cursor, Database, Parameters, Row
from piufarm.store.sql.reservations import end
from piufarm.store.sql.rows import SectionKey, find_section, lock_package, lock_section, micros, moment, note_change

_SELECT: Final = (
    "SELECT run.id, name, package, version, outcome, standing, placement, slave, received_at, log, log_bytes,"
    " log_sha256, seconds FROM run JOIN section ON section.id = section_id"
)
_WHAT: Final = "section_id = :section_id AND package = :package AND version = :version"
_RETIRED_BATCH: Final = 100  # results that one transaction retires, which others wait for: some 20 ms at most

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


def record_run(cursor: Cursor, section: SectionName, new: NewRun) -> Recorded:
    """See Store.record_run."""
    key = lock_package(cursor, section, new.package)
    what = {"section_id": key.id, "package": new.package, "version": new.version}
    held_since = end(cursor, what, new.slave)
    holds = held_since is not None
    if not holds and (earlier := _same_result(cursor, what, new)) is not None:
        return Recorded(earlier, duplicate=True)
    fault_point("run.reservation-ended")
    current = _current(cursor, what)
    standing = Standing.CURRENT if holds else _standing(cursor, key, new, current)
    superseded = current if standing is Standing.CURRENT else None
    if superseded is not None:
        cursor.also("UPDATE run SET standing = 'superseded' WHERE id = :id", {"id": superseded.run_id})
        fault_point("run.superseded")
    run = _insert(cursor, key, section, new, standing)
    fault_point("run.inserted")
    released = standing is Standing.CURRENT and recycling.release(cursor, what)
    if standing is Standing.CURRENT:
        _enter_state(cursor, key, run)
    if holds or released:
        recycling.set_free(cursor, key, what)
    if new.slave is not None:
        slaves.note_results(cursor, new.slave, new.received_at, held_since=held_since)
    fault_point("run.state-entered")
    return Recorded(run, superseded)


def _standing(cursor: Cursor, key: SectionKey, new: NewRun, current: Run | None) -> Standing:
    """What the result of somebody means who does not hold the package.

    Whoever held it until the deadline, when nobody else got it since, may be later than that; unless there is a result
    that is newer than the reservation was.
    """
    if current is None:
        return Standing.CURRENT
    what = {"section_id": key.id, "package": new.package, "version": new.version}
    row = cursor.execute(
        f"SELECT reserved_at, EXISTS (SELECT 1 FROM reservation WHERE {_WHAT}) FROM lapsed"
        f" WHERE {_WHAT} AND owner = :slave",
        {**what, "slave": new.slave},
    ).fetchone()
    if row is None:
        return Standing.UNRESERVED
    reserved_at, somebody_has_it = row
    if somebody_has_it or micros(current.received_at) >= reserved_at:
        return Standing.LATE
    recycling.unmark(cursor, key, what)  # the mark that it got back when the time was over
    return Standing.CURRENT


def _same_result(cursor: Cursor, what: Parameters, new: NewRun) -> Run | None:
    row = cursor.execute(
        f"{_SELECT} WHERE {_WHAT} AND outcome = :outcome AND log_sha256 = :log_sha256"
        " AND slave IS NOT DISTINCT FROM :slave ORDER BY received_at DESC LIMIT 1",
        {**what, "outcome": new.outcome, "log_sha256": new.log_sha256, "slave": new.slave},
    ).fetchone()
    return _run(row) if row else None


def _current(cursor: Cursor, what: Parameters) -> Run | None:
    row = cursor.execute(f"{_SELECT} WHERE {_WHAT} AND standing = 'current'", what).fetchone()
    return _run(row) if row else None


def _insert(cursor: Cursor, key: SectionKey, section: SectionName, new: NewRun, standing: Standing) -> Run:
    placement = Placement(new.outcome.value)
    log = run_log(new.run_id)
    cursor.also(
        """
        INSERT INTO run (id, section_id, package, version, outcome, standing, placement, slave, received_at, log,
            log_bytes, log_sha256, seconds)
        VALUES (:id, :section_id, :package, :version, :outcome, :standing, :placement, :slave, :received_at, :log,
            :log_bytes, :log_sha256, :seconds)
        """,
        {
            "id": new.run_id, "section_id": key.id, "package": new.package, "version": new.version,
            "outcome": new.outcome, "standing": standing, "placement": placement, "slave": new.slave,
            "received_at": micros(new.received_at), "log": log, "log_bytes": new.log_bytes,
            "log_sha256": new.log_sha256, "seconds": new.seconds,
        },
    )  # fmt: skip
    return Run(
        new.run_id, section, new.package, new.version, new.outcome, standing, placement, new.slave,
        new.received_at, log, new.log_bytes, new.log_sha256, new.seconds,
    )  # fmt: skip


def _enter_state(cursor: Cursor, key: SectionKey, run: Run) -> None:
    """Let the package itself show the result at once; what depends on it follows with the next evaluation."""
    note_change(cursor, key)
    state = _STATE_OF[run.outcome], outcome_reason(run.outcome, run.version)
    _set_state(cursor, key, (run.package, run.version), state)


def _set_state(cursor: Cursor, key: SectionKey, package: Row, state: Row) -> None:
    """Enter a state by the change that was counted last."""
    cursor.also(
        "UPDATE package SET state = :state, reason = :reason,"
        " changed = (SELECT counter FROM section WHERE id = :section_id)"
        " WHERE section_id = :section_id AND generation = :generation AND name = :name AND test_version = :version"
        f" AND state != '{PackageState.OUTDATED}'",  # whatever a test says: nobody asks for it any more
        key.columns | dict(zip(("name", "version", "state", "reason"), (*package, *state), strict=True)),
    )


def runs(
    database: Database, section: SectionName, package: Package | None, *, current_only: bool, failed_only: bool
) -> Iterator[Run]:
    """See Store.runs."""
    chosen = "" if package is None else "AND package = :package"  # by the index, then
    query = (
        f"{_SELECT} WHERE section_id = (SELECT id FROM section WHERE name = :section) {chosen}"
        " AND (:all = 1 OR standing = 'current')"
        " AND (:failed = 0 OR outcome != 'pass')"
        " ORDER BY package, received_at DESC, run.id DESC"
    )
    what = {"section": section, "package": package, "all": int(not current_only), "failed": int(failed_only)}
    if package is None:
        return map(_run, database.stream(query, what))
    with database.read() as cursor:  # few: not worth a connection of their own
        return map(_run, cursor.execute(query, what).fetchall())


def run(cursor: Cursor, run_id: str) -> Run | None:
    """See Store.run."""
    row = cursor.execute(f"{_SELECT} WHERE run.id = :id", {"id": run_id}).fetchone()
    return _run(row) if row else None


def set_placement(cursor: Cursor, run_id: str, placement: Placement) -> None:
    """See Store.set_placement."""
    cursor.execute("UPDATE run SET placement = :placement WHERE id = :id", {"placement": placement, "id": run_id})
    if cursor.rowcount == 0:
        raise StoreError(f"no run {run_id}")


def runs_out_of_place(cursor: Cursor, section: SectionName) -> Sequence[Run]:
    """See Store.runs_out_of_place."""
    key = find_section(cursor, section)
    rows = cursor.execute(
        f"""
        {_SELECT} WHERE section_id = :section_id AND standing = 'current' AND NOT EXISTS (
            SELECT 1 FROM package AS p WHERE p.section_id = run.section_id AND p.generation = :generation
                AND p.name = run.package AND p.test_version = run.version)
        ORDER BY package, received_at
        """,
        key.columns,
    )
    return [_run(row) for row in rows]


def retire(database: Database, section: SectionName, run_ids: Iterable[str]) -> None:
    """See Store.retire."""
    rest = iter(run_ids)
    while batch := list(islice(rest, _RETIRED_BATCH)):
        with database.write() as cursor:
            _retire(cursor, section, batch)


def _retire(cursor: Cursor, section: SectionName, run_ids: Iterable[str]) -> None:
    key = lock_section(cursor, section)
    note_change(cursor, key)
    state = PackageState.UNKNOWN, "its result was retired; its state has not been computed yet"
    for run_id in run_ids:
        found = cursor.execute(
            "UPDATE run SET standing = 'retired' WHERE id = :id AND standing = 'current' RETURNING package, version",
            {"id": run_id},
        ).fetchone()
        if found is not None:
            _set_state(cursor, key, found, state)
