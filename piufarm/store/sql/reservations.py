"""Who tests what: handing candidates out, one at a time, to any number of sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from piufarm.names import Package, SectionName, Version
from piufarm.store.model import Reservation
from piufarm.store.sql.database import Cursor, Row
from piufarm.store.sql.rows import find_section, keep_snapshot, micros, moment

_BEST_FREE: Final = """
SELECT p.name, p.test_version FROM package AS p
WHERE p.section_id = :section_id AND p.generation = :generation AND p.state = 'waiting-to-be-tested' AND p.listed = 1
    AND NOT EXISTS (SELECT 1 FROM reservation AS r WHERE r.section_id = p.section_id
        AND r.package = p.name AND r.version = p.test_version AND r.deadline > :now)
ORDER BY p.weight DESC, p.tie LIMIT 1
"""


_WHAT: Final = "section_id = :section_id AND package = :package AND version = :version"


def _best_free(cursor: Cursor, section: SectionName, now: datetime, *, lock: str = "") -> dict[str, Any] | None:
    key = find_section(cursor, section)
    row = cursor.execute(f"{_BEST_FREE} {lock}", {**key.columns, "now": micros(now)}).fetchone()
    return {"section_id": key.id, "package": row[0], "version": row[1]} if row else None


def has_candidate(cursor: Cursor, section: SectionName, now: datetime) -> bool:
    """See Store.has_candidate."""
    return _best_free(cursor, section, now) is not None


def reserve(
    cursor: Cursor, section: SectionName, *, owner: str | None, now: datetime, deadline: datetime
) -> Reservation | None:
    """See Store.reserve."""
    keep_snapshot(cursor, section)
    found = _best_free(cursor, section, now, lock=cursor.locking("FOR NO KEY UPDATE OF p SKIP LOCKED"))
    if found is None:
        return None
    # whoever held it until its deadline may still send a result: it will be late then, not unasked for
    cursor.execute(
        "INSERT INTO lapsed (section_id, package, version, owner) SELECT section_id, package, version, owner"
        f" FROM reservation WHERE {_WHAT} AND owner IS NOT NULL ON CONFLICT DO NOTHING",
        found,
    )
    cursor.execute(
        """
        INSERT INTO reservation (section_id, package, version, owner, reserved_at, deadline)
        VALUES (:section_id, :package, :version, :owner, :now, :deadline) ON CONFLICT (section_id, package, version)
        DO UPDATE SET owner = excluded.owner, reserved_at = excluded.reserved_at, deadline = excluded.deadline
        """,
        {**found, "owner": owner, "now": micros(now), "deadline": micros(deadline)},
    )
    return Reservation(section, Package(found["package"]), Version(found["version"]), owner, now, deadline)


def unreserve(
    cursor: Cursor, section: SectionName, package: Package, version: Version, owner: str | None
) -> bool:
    """See Store.unreserve."""
    removed = cursor.execute(
        f"DELETE FROM reservation WHERE {_WHAT} AND (owner IS NULL OR owner = :owner)",
        {"section_id": find_section(cursor, section).id, "package": package, "version": version, "owner": owner},
    )
    return removed.rowcount > 0


def holds_until(cursor: Cursor, section: SectionName, owner: str) -> datetime | None:
    """The first deadline of what `owner` holds, None if it holds nothing."""
    (first,) = cursor.execute(
        "SELECT min(deadline) FROM reservation WHERE owner = :owner AND section_id = :section_id",
        {"owner": owner, "section_id": find_section(cursor, section).id},
    ).fetchone()
    return None if first is None else moment(first)


def extend_reservations(cursor: Cursor, section: SectionName, owner: str, deadline: datetime) -> None:
    """See Store.extend_reservations."""
    cursor.execute(
        "UPDATE reservation SET deadline = :deadline"
        " WHERE owner = :owner AND section_id = :section_id AND deadline < :deadline",
        {"deadline": micros(deadline), "owner": owner, "section_id": find_section(cursor, section).id},
    )


def reservations(cursor: Cursor, section: SectionName) -> Sequence[Reservation]:
    """See Store.reservations."""
    rows = cursor.execute(
        "SELECT package, version, owner, reserved_at, deadline FROM reservation"
        " WHERE section_id = :section_id ORDER BY reserved_at, package",
        {"section_id": find_section(cursor, section).id},
    )
    return [_reservation(section, row) for row in rows]


def _reservation(section: SectionName, row: Row) -> Reservation:
    package, version, owner, reserved_at, deadline = row
    return Reservation(section, Package(package), Version(version), owner, moment(reserved_at), moment(deadline))
