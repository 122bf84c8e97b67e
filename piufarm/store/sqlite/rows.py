"""How values look in the tables, and back: times as microseconds, dependencies as short texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from piufarm.names import Package, SectionName
from piufarm.store.model import Dependency

Row = tuple[Any, ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """A time as the tables hold it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """A time from the tables."""
    return _EPOCH + value * _MICROSECOND


def clauses_text(clauses: Iterable[Sequence[str]]) -> str:
    """Dependencies as `a|b,c`: clauses joined by commas, alternatives by bars."""
    return ",".join("|".join(clause) for clause in clauses)


def clauses(text: str) -> tuple[tuple[str, ...], ...]:
    """Dependencies from their text."""
    return tuple(tuple(clause.split("|")) for clause in text.split(",")) if text else ()


def numbers_text(numbers: Sequence[int]) -> str:
    """Chosen alternatives as `0,2,0`; empty if each clause follows its first."""
    return ",".join(map(str, numbers)) if any(numbers) else ""


def numbers(text: str) -> tuple[int, ...]:
    """Chosen alternatives from their text."""
    return tuple(map(int, text.split(","))) if text else ()


def dependencies(depends: str, pre_depends: str, chosen: str) -> tuple[Dependency, ...]:
    """The dependencies of a package, Depends first, from its columns."""
    plain, early = clauses(depends), clauses(pre_depends)
    indexes = numbers(chosen) or (0,) * (len(plain) + len(early))
    found = []
    for position, (clause, index) in enumerate(zip((*plain, *early), indexes, strict=True)):
        alternatives = tuple(map(Package, clause))
        found.append(Dependency(alternatives, pre=position >= len(plain), chosen=alternatives[index]))
    return tuple(found)


class SectionKey(NamedTuple):
    """What other tables need to know about a section."""

    id: int
    generation: int
    counter: int


_NO_SECTION: Final = SectionKey(-1, 0, 0)  # no row of any table belongs to it


def find_section(cursor: sqlite3.Cursor, section: SectionName) -> SectionKey:
    """The key of a section; one that matches nothing if the store has never heard of it."""
    row = cursor.execute("SELECT id, generation, counter FROM section WHERE name = ?", (section,)).fetchone()
    return SectionKey(*row) if row else _NO_SECTION


def make_section(cursor: sqlite3.Cursor, section: SectionName) -> SectionKey:
    """The key of a section, entered if it is new."""
    key = find_section(cursor, section)
    if key.id >= 0:
        return key
    cursor.execute("INSERT INTO section (name) VALUES (?)", (section,))
    return find_section(cursor, section)


def count_change(cursor: sqlite3.Cursor, key: SectionKey) -> int:
    """Count a change of results or packages, which makes an evaluation due; returns the new count."""
    (counter,) = cursor.execute(
        "UPDATE section SET counter = counter + 1 WHERE id = ? RETURNING counter", (key.id,)
    ).fetchone()
    return int(counter)
