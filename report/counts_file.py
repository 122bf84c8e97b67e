"""counts.txt: packages per state and day, the data of the chart, for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from piufarm.states import COUNTS_COLUMNS


def render_counts(daily: Sequence[tuple[date, Mapping[str, int]]]) -> str:
    """The file's text: a header line, then one line a day, oldest first."""
    lines = [", ".join(("date", *COUNTS_COLUMNS))]
    for day, counts in daily:
        lines.append(", ".join((f"{day:%Y%m%d}", *(str(counts.get(column, 0)) for column in COUNTS_COLUMNS))))
    return "\n".join(lines) + "\n"
