"""counts.txt: packages per state and day, as the report publishes it and as masters of piuparts keep it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from piufarm.states import COUNTS_COLUMNS

_DATE_COLUMN: Final = "date"
_DATE_DIGITS: Final = 8  # YYYYMMDD


class BadLine(NamedTuple):
    """A line that tells no counts; `text` is as it stands there."""

    number: int
    text: str


def render_counts(daily: Sequence[tuple[date, Mapping[str, int]]]) -> str:
    """The file's text: a header line, then one line a day, oldest first."""
    lines = [", ".join((_DATE_COLUMN, *COUNTS_COLUMNS))]
    for day, counts in daily:
        lines.append(", ".join((f"{day:%Y%m%d}", *(str(counts.get(column, 0)) for column in COUNTS_COLUMNS))))
    return "\n".join(lines) + "\n"


def parse_counts(lines: Iterable[str]) -> Iterator[tuple[date, Mapping[str, int]] | BadLine]:
    """The days of the file, in its order. A header names the columns that follow it; older files have fewer."""
    columns: Sequence[str] = COUNTS_COLUMNS
    for number, line in enumerate(lines, 1):
        words = [word.strip() for word in line.split(",")]
        if words[0] == _DATE_COLUMN:
            columns = words[1:]
        elif words != [""]:
            yield _day(words, columns) or BadLine(number, line.rstrip("\n"))


def _day(words: Sequence[str], columns: Sequence[str]) -> tuple[date, Mapping[str, int]] | None:
    day, *numbers = words
    if len(numbers) != len(columns) or len(day) != _DATE_DIGITS or not all(_is_number(word) for word in words):
        return None
    try:
        found = date(int(day[:4]), int(day[4:6]), int(day[6:]))
    except ValueError:
        return None
    return found, dict(zip(columns, map(int, numbers), strict=True))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 16
