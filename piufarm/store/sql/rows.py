"""How values look in the tables, and back: times as microseconds, dependencies as short texts; and the section's row.

Where several writers are at work at the same time, rows are locked in this order, so that nobody waits in a circle: the
section (by one of the three functions below), then its packages, then what is about a package (reservations, runs,
troubles, marks), then slaves. Whoever changes more than one package or reservation that somebody else may be changing
has the section by `lock_section`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from piufarm.names import SectionName
from piufarm.store.model import ComputedState, Dependency
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


def candidate_weight(computed: ComputedState) -> int:
    """The order of candidates: first by the smaller of the two counts, then by how many packages wait."""
    return min(computed.chain, computed.waiting) << 32 | computed.waiting


def dependencies(read: RelationsReader, depends: str, pre_depends: str, chosen: str) -> tuple[Dependency, ...]:
    """The dependencies of a package, Depends first, from its columns."""
    plain, early = read.clauses(depends), read.clauses(pre_depends)
    indexes = numbers(chosen) or (0,) * (len(plain) + len(early))
    found = []
    for position, (clause, index) in enumerate(zip((*plain, *early), indexes, strict=True)):
        found.append(Dependency(clause, pre=position >= len(plain), chosen=clause[index].name if index >= 0 else None))
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


def keep_snapshot(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section, whose present snapshot stays the present one until the transaction has ended.

    For those who hand packages out and take them back, any number of them at a time.
    """
    row = cursor.execute(f"{_KEY} {cursor.locking('FOR KEY SHARE')}", {"name": section}).fetchone()
    return SectionKey(*row) if row else _NO_SECTION


def lock_section(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section, entered if it is new; its results are taken in one after the other, by who holds this.

    Those who only `keep_snapshot` go on meanwhile.
    """
    return _lock(cursor, section, cursor.locking("FOR NO KEY UPDATE"))


def lock_snapshot(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section, entered if it is new; nobody else changes anything in it until the transaction has ended.

    For the moment in which another snapshot becomes the present one.
    """
    return _lock(cursor, section, cursor.locking("FOR UPDATE"))


def _lock(cursor: Cursor, section: SectionName, clause: str) -> SectionKey:
    row = cursor.execute(f"{_KEY} {clause}", {"name": section}).fetchone()
    if row is None:
        cursor.execute("INSERT INTO section (name) VALUES (:name) ON CONFLICT (name) DO NOTHING", {"name": section})
        row = cursor.execute(f"{_KEY} {clause}", {"name": section}).fetchone()
    return SectionKey(*row)


def count_change(cursor: Cursor, key: SectionKey) -> int:
    """Count a change of results or packages, which makes an evaluation due; returns the new count."""
    (counter,) = cursor.execute(
        "UPDATE section SET counter = counter + 1, revision = revision + 1 WHERE id = :id RETURNING counter",
        {"id": key.id},
    ).fetchone()
    return int(counter)
