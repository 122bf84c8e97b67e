"""Attempts that said nothing about their package: remembered, and after too many of them the package is held back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from piufarm.faults import fault_point
from piufarm.names import Package, SectionName, Version
from piufarm.store.attempts import Hold, NewTrouble, RecordedTrouble, Trouble, hold_reason, trouble_log
from piufarm.store.sql import slaves
from piufarm.store.sql.database import Cursor, Row
from piufarm.store.sql.reservations import end, end_without_result, expired
from piufarm.store.sql.rows import SectionKey, find_section, lock_package, lock_section, micros, moment
from piufarm.trouble import TroubleKind

_SELECT: Final = (
    "SELECT trouble.id, name, package, version, kind, slave, noted_at, log, log_bytes, counted"
    " FROM trouble JOIN section ON section.id = section_id"
)
_WHAT: Final = "section_id = :section_id AND package = :package AND version = :version"


def record_trouble(cursor: Cursor, section: SectionName, new: NewTrouble, max_retries: int) -> RecordedTrouble:
    """See Store.record_trouble."""
    key = lock_package(cursor, section, new.package)
    what = {"section_id": key.id, "package": new.package, "version": new.version}
    held_since = end(cursor, what, new.slave)
    if held_since is None and (earlier := _same_trouble(cursor, what, new)) is not None:
        return RecordedTrouble(earlier, duplicate=True)
    fault_point("trouble.reservation-ended")
    log = trouble_log(new.run_id)
    _insert(cursor, new.run_id, what | {
        "kind": new.kind, "slave": new.slave, "noted_at": micros(new.noted_at), "log": log, "log_bytes": new.log_bytes,
        "log_sha256": new.log_sha256, "counted": int(held_since is not None),
    })  # fmt: skip
    fault_point("trouble.inserted")
    trouble = Trouble(
        new.run_id, section, new.package, new.version, new.kind, new.slave, new.noted_at, log, new.log_bytes,
        held_since is not None,
    )  # fmt: skip
    if held_since is None:
        return RecordedTrouble(trouble)
    held = _give_back(cursor, key, what, (held_since, new.noted_at), max_retries)
    fault_point("trouble.given-back")
    drained = new.slave is not None and bool(slaves.note_troubles(cursor, {new.slave}, new.noted_at))
    return RecordedTrouble(trouble, held, drained)


def expire(cursor: Cursor, section: SectionName, now: datetime, max_retries: int) -> Sequence[RecordedTrouble]:
    """See Store.expire_reservations."""
    key = lock_section(cursor, section)
    lost = []
    for package, version, owner, handed_out_at in expired(cursor, key, now):
        what = {"section_id": key.id, "package": package, "version": version}
        run_id = f"{now:%Y%m%dT%H%M%SZ}-{os.urandom(6).hex()}"
        _insert(cursor, run_id, what | {
            "kind": TroubleKind.LOST, "slave": owner, "noted_at": micros(now), "log": None, "log_bytes": 0,
            "log_sha256": "", "counted": 1,
        })  # fmt: skip
        trouble = Trouble(
            run_id, section, Package(package), Version(version), TroubleKind.LOST, owner, now, None, 0, counted=True
        )
        lost.append((trouble, _give_back(cursor, key, what, (handed_out_at, now), max_retries)))
        fault_point("expire.given-back")
    # what is lost together is lost for one reason, which may as well be that nobody could reach the master
    drained = slaves.note_troubles(cursor, {trouble.slave for trouble, _ in lost if trouble.slave is not None}, now)
    told: set[str | None] = set()  # of several troubles of a slave the first one says that it is drained
    recorded = []
    for trouble, held in lost:
        recorded.append(RecordedTrouble(trouble, held, trouble.slave in drained - told))
        told.add(trouble.slave)
    return recorded


def _insert(cursor: Cursor, run_id: str, row: dict[str, Any]) -> None:
    cursor.execute(
        """
        INSERT INTO trouble (id, section_id, package, version, kind, slave, noted_at, log, log_bytes, log_sha256,
            counted)
        VALUES (:id, :section_id, :package, :version, :kind, :slave, :noted_at, :log, :log_bytes, :log_sha256,
            :counted)
        """,
        {"id": run_id, **row},
    )


def _give_back(
    cursor: Cursor, key: SectionKey, what: dict[str, Any], from_until: tuple[datetime, datetime], max_retries: int
) -> bool:
    """Hand a package out again, or hold it back if there was too much trouble; True then."""
    handed_out_at, now = from_until
    rows = cursor.execute(f"{_SELECT} WHERE {_WHAT} AND counted = 1 ORDER BY noted_at, trouble.id", what).fetchall()
    held = len(rows) >= max_retries and _is_tested(cursor, key, what)
    if held:
        reason = hold_reason(Package(what["package"]), map(_trouble, rows))
        cursor.execute(
            "INSERT INTO hold (section_id, package, version, held_at, reason)"
            " VALUES (:section_id, :package, :version, :held_at, :reason) ON CONFLICT DO NOTHING",
            {**what, "held_at": micros(now), "reason": reason},
        )
    end_without_result(cursor, key, what, now, handed_out_at=None if held else handed_out_at)
    return held


def _is_tested(cursor: Cursor, key: SectionKey, what: dict[str, Any]) -> bool:
    """Whether this is the version that the section tests now."""
    row = cursor.execute(
        "SELECT 1 FROM package WHERE section_id = :section_id AND generation = :generation AND name = :package"
        " AND test_version = :version",
        {**what, **key.columns},
    ).fetchone()
    return row is not None


def _same_trouble(cursor: Cursor, what: dict[str, Any], new: NewTrouble) -> Trouble | None:
    row = cursor.execute(
        f"{_SELECT} WHERE {_WHAT} AND kind = :kind AND log_sha256 = :log_sha256"
        " AND slave IS NOT DISTINCT FROM :slave ORDER BY noted_at DESC LIMIT 1",
        {**what, "kind": new.kind, "log_sha256": new.log_sha256, "slave": new.slave},
    ).fetchone()
    return _trouble(row) if row else None


def troubles(cursor: Cursor, section: SectionName, package: Package | None) -> Sequence[Trouble]:
    """See Store.troubles."""
    rows = cursor.execute(
        f"{_SELECT} WHERE section_id = :section_id AND (CAST(:package AS TEXT) IS NULL OR package = :package)"
        " ORDER BY noted_at DESC, trouble.id",
        {"section_id": find_section(cursor, section).id, "package": package},
    ).fetchall()
    return [_trouble(row) for row in rows]


def trouble(cursor: Cursor, run_id: str) -> Trouble | None:
    """See Store.trouble."""
    row = cursor.execute(f"{_SELECT} WHERE trouble.id = :id", {"id": run_id}).fetchone()
    return _trouble(row) if row else None


def _trouble(row: Row) -> Trouble:
    run_id, section, package, version, kind, slave, noted_at, log, log_bytes, counted = row
    return Trouble(
        run_id, SectionName(section), Package(package), Version(version), TroubleKind(kind), slave, moment(noted_at),
        log, log_bytes, bool(counted),
    )  # fmt: skip


def holds(cursor: Cursor, section: SectionName) -> Sequence[Hold]:
    """See Store.holds."""
    rows = cursor.execute(
        "SELECT package, version, held_at, reason FROM hold WHERE section_id = :section_id ORDER BY package",
        {"section_id": find_section(cursor, section).id},
    ).fetchall()
    return [
        Hold(section, Package(package), Version(version), moment(held_at), reason)
        for package, version, held_at, reason in rows
    ]
