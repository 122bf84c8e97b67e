"""Entering what others have recorded: results, reservations and counts of an installation that is taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from piufarm.names import SectionName
from piufarm.store.model import Reservation, Run, Standing
from piufarm.store.sql.database import Cursor
from piufarm.store.sql.rows import SectionKey, count_change, lock_section, micros, moment

_WHAT: Final = "section_id = :section_id AND package = :package AND version = :version"
_TESTED: Final = (
    "section_id = :section_id AND generation = :generation AND name = :package AND test_version = :version"
)


def enter_runs(
    cursor: Cursor, section: SectionName, runs: Iterable[Run], problems: Mapping[str, Iterable[str]]
) -> Sequence[Run]:
    """See Store.enter_runs."""
    key = lock_section(cursor, section)
    entered = [_enter(cursor, key, run) for run in runs if not _is_known(cursor, key, run)]
    for run in entered:
        cursor.executemany(
            "INSERT INTO classification (run_id, problem) VALUES (:run_id, :problem)",
            [{"run_id": run.run_id, "problem": name} for name in dict.fromkeys(problems.get(run.run_id, ()))],
        )
    if entered:
        count_change(cursor, key)
    return entered


def _is_known(cursor: Cursor, key: SectionKey, run: Run) -> bool:
    found = cursor.execute(
        f"SELECT 1 FROM run WHERE id = :id UNION ALL SELECT 1 FROM run WHERE {_WHAT} AND outcome = :outcome"
        " AND log_sha256 = :log_sha256",
        {
            "section_id": key.id, "package": run.package, "version": run.version, "id": run.run_id,
            "outcome": run.outcome, "log_sha256": run.log_sha256,
        },
    )  # fmt: skip
    return found.fetchone() is not None


def _enter(cursor: Cursor, key: SectionKey, run: Run) -> Run:
    what = {"section_id": key.id, "package": run.package, "version": run.version}
    if run.standing is Standing.CURRENT:
        current = cursor.execute(
            f"SELECT id, received_at FROM run WHERE {_WHAT} AND standing = 'current'", what
        ).fetchone()
        if current is not None and moment(current[1]) >= run.received_at:
            run = replace(run, standing=Standing.SUPERSEDED)
        elif current is not None:
            cursor.execute("UPDATE run SET standing = 'superseded' WHERE id = :id", {"id": current[0]})
    cursor.execute(
        """
        INSERT INTO run (id, section_id, package, version, outcome, standing, placement, slave, received_at, log,
            log_bytes, log_sha256, seconds)
        VALUES (:id, :section_id, :package, :version, :outcome, :standing, :placement, :slave, :received_at, :log,
            :log_bytes, :log_sha256, :seconds)
        """,
        {
            **what, "id": run.run_id, "outcome": run.outcome, "standing": run.standing, "placement": run.placement,
            "slave": run.slave, "received_at": micros(run.received_at), "log": run.log, "log_bytes": run.log_bytes,
            "log_sha256": run.log_sha256, "seconds": run.seconds,
        },
    )  # fmt: skip
    return run


def enter_reservations(cursor: Cursor, section: SectionName, reservations: Iterable[Reservation]) -> int:
    """See Store.enter_reservations."""
    key, lock = lock_section(cursor, section), cursor.locking("FOR NO KEY UPDATE")
    entered = 0
    for reservation in reservations:
        what = {"section_id": key.id, "package": reservation.package, "version": reservation.version}
        reserved_at, deadline = micros(reservation.reserved_at), micros(reservation.deadline)
        # before the reservation, as those do who hand packages out
        cursor.execute(f"SELECT 1 FROM package WHERE {_TESTED} {lock}", {**what, **key.columns})
        cursor.execute(
            "INSERT INTO reservation (section_id, package, version, owner, reserved_at, deadline)"
            " SELECT :section_id, :package, :version, NULL, :reserved_at, :deadline WHERE NOT EXISTS"
            f" (SELECT 1 FROM run WHERE {_WHAT} AND received_at >= :reserved_at)"
            " ON CONFLICT (section_id, package, version) DO NOTHING",
            {**what, "reserved_at": reserved_at, "deadline": deadline},
        )
        if cursor.rowcount > 0:
            entered += 1
            cursor.execute(f"UPDATE package SET free = 0 WHERE {_TESTED}", {**what, **key.columns})
    return entered


def enter_daily_counts(
    cursor: Cursor, section: SectionName, days: Iterable[tuple[date, Mapping[str, int]]]
) -> int:
    """See Store.enter_daily_counts."""
    key = lock_section(cursor, section)
    entered = 0
    for day, counts in days:
        what = {"section_id": key.id, "day": day.isoformat()}
        known = cursor.execute("SELECT 1 FROM daily_count WHERE section_id = :section_id AND day = :day", what)
        if known.fetchone() is None:
            entered += 1
            cursor.executemany(
                "INSERT INTO daily_count (section_id, day, state, packages)"
                " VALUES (:section_id, :day, :state, :packages)",
                [{**what, "state": state, "packages": number} for state, number in counts.items()],
            )
    return entered


def problems(cursor: Cursor, run_id: str) -> Sequence[str]:
    """See Store.problems."""
    rows = cursor.execute(
        "SELECT problem FROM classification WHERE run_id = :run_id ORDER BY problem", {"run_id": run_id}
    )
    return [row[0] for row in rows]
