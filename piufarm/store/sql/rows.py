"""How values look in the tables, and back: times as microseconds, dependencies as short texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from piufarm.names import SectionName
from piufarm.store.model import Dependency
from piufarm.store.relations_text import RelationsReader
from piufarm.store.sql.database import Cursor

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """A time as the tables hold it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """A time from the tables."""
    return _EPOCH + value * _MICROSECOND


def numbers_text(numbers: Sequence[int]) -> str:
    """Chosen alternatives as `0,2,0`; empty if each clause follows its first."""
    return ",".join(map(str, numbers)) if any(numbers) else ""


def numbers(text: str) -> tuple[int, ...]:
    """Chosen alternatives from their text."""
    return tuple(map(int, text.split(","))) if text else ()


def dependencies(read: RelationsReader, depends: str, pre_depends: str, chosen: str) -> tuple[Dependency, ...]:
    """The dependencies of a package, Depends first, from its columns."""
    plain, early = read.clauses(depends), read.clauses(pre_depends)
    indexes = numbers(chosen) or (0,) * (len(plain) + len(early))
    found = []
    for position, (clause, index) in enumerate(zip((*plain, *early), indexes, strict=True)):
        found.append(Dependency(clause, pre=position >= len(plain), chosen=clause[index].name))
    return tuple(found)


class SectionKey(NamedTuple):
    """What other tables need to know about a section."""

    id: int
    generation: int
    counter: int

    @property
    def columns(self) -> dict[str, object]:
        """Parameters that pick the rows of the present snapshot."""
        return {"section_id": self.id, "generation": self.generation}


_NO_SECTION: Final = SectionKey(-1, 0, 0)  # no row of any table belongs to it
_KEY: Final = "SELECT id, generation, counter FROM section WHERE name = :name"


def find_section(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section; one that matches nothing if the store has never heard of it."""
    row = cursor.execute(_KEY, {"name": section}).fetchone()
    return SectionKey(*row) if row else _NO_SECTION


def lock_section(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section, entered if it is new; others who call this wait until the transaction has ended.

    So decide those who give a package's results and states their meaning, one after the other. Reservations need no
    such order: they lock the package that they are about.
    """
    row = cursor.execute(f"{_KEY} {cursor.for_update}", {"name": section}).fetchone()
    if row is None:
        cursor.execute("INSERT INTO section (name) VALUES (:name) ON CONFLICT (name) DO NOTHING", {"name": section})
        row = cursor.execute(f"{_KEY} {cursor.for_update}", {"name": section}).fetchone()
    return SectionKey(*row)


def count_change(cursor: Cursor, key: SectionKey) -> int:
    """Count a change of results or packages, which makes an evaluation due; returns the new count."""
    (counter,) = cursor.execute(
        "UPDATE section SET counter = counter + 1 WHERE id = :id RETURNING counter", {"id": key.id}
    ).fetchone()
    return int(counter)
