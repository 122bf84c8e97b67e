"""How values look in the tables, and back: times as microseconds, dependencies as short texts; and the section's row.

Where several writers are at work at the same time, they lock a section first, by one of the functions below, then rows:
of reservations, runs, troubles and marks, then that of the section, then those of packages, then of slaves. So nobody
waits in a circle.
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


NO_SECTION: Final = SectionKey(-1, 0, 0)  # no row of any table belongs to it
_KEY: Final = "SELECT id, generation, counter FROM section WHERE name = :name"


def find_section(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section; one that matches nothing if the store has never heard of it."""
    row = cursor.execute(_KEY, {"name": section}).fetchone()
    return SectionKey(*row) if row else NO_SECTION


def keep_snapshot(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section, whose present snapshot stays the present one until the transaction has ended.

    For those who hand packages out, any number of them at a time.
    """
    cursor.lock(f"snapshot {section}", shared=True)
    return find_section(cursor, section)


def lock_package(cursor: Cursor, section: SectionName, package: str) -> SectionKey:
    """The key of a section, entered if it is new, in which nobody else decides about this package meanwhile.

    What its results, troubles and reservations mean is decided by one after the other; about other packages at the same
    time.
    """
    cursor.lock(f"section {section}", shared=True)
    cursor.lock(f"package {section} {package}")
    return _entered(cursor, section)


def lock_states(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section in which nobody else writes states that follow from a result, until the transaction ends."""
    cursor.lock(f"section {section}", shared=True)
    row = cursor.execute(f"{_KEY} {cursor.locking('FOR NO KEY UPDATE')}", {"name": section}).fetchone()
    return SectionKey(*row) if row else NO_SECTION


def lock_section(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section, entered if it is new, in which only those who `keep_snapshot` go on meanwhile.

    For whoever decides about many packages.
    """
    cursor.lock(f"section {section}")
    return _entered(cursor, section)


def lock_snapshot(cursor: Cursor, section: SectionName) -> SectionKey:
    """The key of a section, entered if it is new; nobody else changes anything in it until the transaction has ended.

    For the moment in which another snapshot becomes the present one.
    """
    cursor.lock(f"section {section}")
    cursor.lock(f"snapshot {section}")
    return _entered(cursor, section)


def _entered(cursor: Cursor, section: SectionName) -> SectionKey:
    key = find_section(cursor, section)
    if key.id >= 0:
        return key
    cursor.execute("INSERT INTO section (name) VALUES (:name) ON CONFLICT (name) DO NOTHING", {"name": section})
    return find_section(cursor, section)


_COUNT: Final = "UPDATE section SET counter = counter + 1, revision = revision + 1 WHERE id = :id"


def count_change(cursor: Cursor, key: SectionKey) -> int:
    """Count a change of results or packages, which makes an evaluation due; returns the new count."""
    (counter,) = cursor.execute(f"{_COUNT} RETURNING counter", {"id": key.id}).fetchone()
    return int(counter)


def note_change(cursor: Cursor, key: SectionKey) -> None:
    """Count a change whose number nobody wants to know."""
    cursor.also(_COUNT, {"id": key.id})
