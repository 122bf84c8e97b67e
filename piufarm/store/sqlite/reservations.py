"""Who tests what: handing candidates out, one at a time, to any number of sessions."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from piufarm.names import Package, SectionName, Version
from piufarm.store.model import Reservation
from piufarm.store.sqlite.rows import Row, find_section, micros, moment

_BEST_FREE: Final = """
SELECT p.name, p.test_version FROM package AS p
WHERE p.section_id = ?1 AND p.generation = ?2 AND p.state = 'waiting-to-be-tested' AND p.listed = 1
    AND NOT EXISTS (SELECT 1 FROM reservation AS r WHERE r.section_id = p.section_id
        AND r.package = p.name AND r.version = p.test_version AND r.deadline > ?3)
ORDER BY p.weight DESC, p.tie LIMIT 1
"""


def _best_free(cursor: sqlite3.Cursor, section: SectionName, now: datetime) -> tuple[int, str, str] | None:
    key = find_section(cursor, section)
    row = cursor.execute(_BEST_FREE, (key.id, key.generation, micros(now))).fetchone()
    return (key.id, row[0], row[1]) if row else None


def has_candidate(cursor: sqlite3.Cursor, section: SectionName, now: datetime) -> bool:
    """See Store.has_candidate."""
    return _best_free(cursor, section, now) is not None


def reserve(
    cursor: sqlite3.Cursor, section: SectionName, *, owner: str | None, now: datetime, deadline: datetime
) -> Reservation | None:
    """See Store.reserve; `cursor` excludes other writers."""
    found = _best_free(cursor, section, now)
    if found is None:
        return None
    # whoever held it until its deadline may still send a result: it will be late then, not unasked for
    cursor.execute(
        "INSERT OR IGNORE INTO lapsed SELECT section_id, package, version, owner FROM reservation"
        " WHERE section_id = ? AND package = ? AND version = ? AND owner IS NOT NULL",
        found,
    )
    cursor.execute(
        "INSERT OR REPLACE INTO reservation VALUES (?, ?, ?, ?, ?, ?)", (*found, owner, micros(now), micros(deadline))
    )
    return Reservation(section, Package(found[1]), Version(found[2]), owner, now, deadline)


def unreserve(
    cursor: sqlite3.Cursor, section: SectionName, package: Package, version: Version, owner: str | None
) -> bool:
    """See Store.unreserve."""
    removed = cursor.execute(
        "DELETE FROM reservation WHERE section_id = ? AND package = ? AND version = ? AND (owner IS NULL OR owner = ?)",
        (find_section(cursor, section).id, package, version, owner),
    )
    return removed.rowcount > 0


def holds_until(cursor: sqlite3.Cursor, section: SectionName, owner: str) -> datetime | None:
    """The first deadline of what `owner` holds, None if it holds nothing."""
    (first,) = cursor.execute(
        "SELECT min(deadline) FROM reservation WHERE owner = ? AND section_id = ?",
        (owner, find_section(cursor, section).id),
    ).fetchone()
    return None if first is None else moment(first)


def extend_reservations(cursor: sqlite3.Cursor, section: SectionName, owner: str, deadline: datetime) -> None:
    """See Store.extend_reservations."""
    cursor.execute(
        "UPDATE reservation SET deadline = ?1 WHERE owner = ?2 AND section_id = ?3 AND deadline < ?1",
        (micros(deadline), owner, find_section(cursor, section).id),
    )


def reservations(cursor: sqlite3.Cursor, section: SectionName) -> Sequence[Reservation]:
    """See Store.reservations."""
    rows = cursor.execute(
        "SELECT package, version, owner, reserved_at, deadline FROM reservation WHERE section_id = ?"
        " ORDER BY reserved_at, package",
        (find_section(cursor, section).id,),
    )
    return [_reservation(section, row) for row in rows]


def _reservation(section: SectionName, row: Row) -> Reservation:
    package, version, owner, reserved_at, deadline = row
    return Reservation(section, Package(package), Version(version), owner, moment(reserved_at), moment(deadline))
