"""How many packages were in which state on which day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from piufarm.names import SectionName
from piufarm.store.sql.database import Cursor
from piufarm.store.sql.packages import counts
from piufarm.store.sql.rows import find_section, lock_section


def record_daily_counts(cursor: Cursor, section: SectionName, day: date) -> None:
    """See Store.record_daily_counts."""
    key = lock_section(cursor, section)
    cursor.executemany(
        "INSERT INTO daily_count (section_id, day, state, packages) VALUES (:section_id, :day, :state, :packages)"
        " ON CONFLICT (section_id, day, state) DO UPDATE SET packages = excluded.packages",
        [
            {"section_id": key.id, "day": day.isoformat(), "state": state, "packages": number}
            for state, number in counts(cursor, section).items()
        ],
    )


def daily_counts(cursor: Cursor, section: SectionName) -> Sequence[tuple[date, Mapping[str, int]]]:
    """See Store.daily_counts."""
    found: dict[date, dict[str, int]] = {}
    rows = cursor.execute(
        "SELECT day, state, packages FROM daily_count WHERE section_id = :section_id ORDER BY day",
        {"section_id": find_section(cursor, section).id},
    )
    for day, state, number in rows:
        found.setdefault(date.fromisoformat(day), {})[state] = number
    return list(found.items())
