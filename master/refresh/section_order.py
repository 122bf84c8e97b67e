"""How sections hang together by `depends-sections`, and in which order they are dealt with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from piufarm.names import SectionName


class LooksInto(Protocol):
    """As much of a section as counts here."""

    @property
    def depends_sections(self) -> tuple[SectionName, ...]: ...


Sections = Mapping[SectionName, LooksInto]


def looked_into(sections: Sections, name: SectionName) -> Sequence[SectionName]:
    """Where a section looks names up that it does not have: as configured, each followed by its own; each once.

    Sections that look into each other are no trouble: each looks into the others, and none into itself.
    """
    found: dict[SectionName, None] = {name: None}
    rest = list(reversed(_direct(sections, name)))
    while rest:
        other = rest.pop()
        if other not in found:
            found[other] = None
            rest += reversed(_direct(sections, other))
    return list(found)[1:]


def lookers(sections: Sections, names: Iterable[SectionName]) -> Sequence[SectionName]:
    """The other sections whose states depend on these, those that others look into first."""
    wanted = set(names)
    found = [name for name in sections if name not in wanted and not wanted.isdisjoint(looked_into(sections, name))]
    return in_order(sections, found)


def in_order(sections: Sections, names: Iterable[SectionName]) -> Sequence[SectionName]:
    """Sections that others look into before those; else as given."""
    wanted = dict.fromkeys(names)
    walked: dict[SectionName, None] = {}  # in the order in which the walk leaves them
    begun: set[SectionName] = set()

    def walk(name: SectionName) -> None:
        if name not in begun:
            begun.add(name)
            for other in _direct(sections, name):
                walk(other)
            walked[name] = None

    for name in wanted:
        walk(name)
    return [name for name in walked if name in wanted]


def _direct(sections: Sections, name: SectionName) -> Sequence[SectionName]:
    return sections[name].depends_sections if name in sections else ()
