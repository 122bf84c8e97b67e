"""How many packages were in which state on which day."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import date

from piufarm.names import SectionName
from piufarm.store.sqlite.packages import counts
from piufarm.store.sqlite.rows import find_section, make_section


def record_daily_counts(cursor: sqlite3.Cursor, section: SectionName, day: date) -> None:
    """See Store.record_daily_counts."""
    key = make_section(cursor, section)
    cursor.executemany(
        "INSERT OR REPLACE INTO daily_count VALUES (?, ?, ?, ?)",
        [(key.id, day.isoformat(), state, number) for state, number in counts(cursor, section).items()],
    )


def daily_counts(cursor: sqlite3.Cursor, section: SectionName) -> Sequence[tuple[date, Mapping[str, int]]]:
    """See Store.daily_counts."""
    found: dict[date, dict[str, int]] = {}
    rows = cursor.execute(
        "SELECT day, state, packages FROM daily_count WHERE section_id = ? ORDER BY day",
        (find_section(cursor, section).id,),
    )
    for day, state, number in rows:
        found.setdefault(date.fromisoformat(day), {})[state] = number
    return list(found.items())
