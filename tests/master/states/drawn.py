"""Odd little archives, drawn by hypothesis: versions, provides, alternatives, cycles, results, other sections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, ForeignPackage, ForeignSection, Node, Provided, Relation

_NAMES: Final = [Package(f"p{number}") for number in range(8)]
_VIRTUAL: Final = Package("virt")
_VERSIONS: Final = st.sampled_from(["1", "2", "3~rc1", "3"])
_NOTHING_STORED: Final = ComputedState(PackageState.UNKNOWN, "")


@dataclass(frozen=True)
class World:
    """A section and those that it looks into."""

    nodes: list[Node]
    others: list[ForeignSection]


@st.composite
def worlds(draw: st.DrawFn, *, others: bool = True) -> World:
    """An archive; with `others` perhaps some more."""
    nodes = [draw(_nodes(name)) for name in _NAMES[: draw(st.integers(1, len(_NAMES)))]]
    count = draw(st.sampled_from([0, 0, 1, 2])) if others else 0
    return World(nodes, [draw(_sections(f"other{number}")) for number in range(count)])


@st.composite
def _nodes(draw: st.DrawFn, name: Package) -> Node:
    version = draw(_VERSIONS)
    listed = draw(st.integers(0, 5)) > 0
    clauses = draw(st.lists(st.lists(_relations(), min_size=1, max_size=3, unique=True).map(tuple), max_size=4))
    return Node(
        name=name,
        version=version,
        listed=listed,
        depends=tuple(clauses) if listed else (),
        provides=draw(_provides()),
        outcome=draw(st.sampled_from([None, None, *Outcome])),
        stored=_NOTHING_STORED,
        archive_version=version,
        recycled=draw(st.integers(0, 3)) == 0,
    )


@st.composite
def _relations(draw: st.DrawFn) -> Relation:
    name = draw(st.sampled_from([*_NAMES, *_NAMES, _VIRTUAL, _VIRTUAL, Package("gone"), Package("kbdcontrol")]))
    op = draw(st.sampled_from(["", "", "", "<<", "<=", "=", ">=", ">>"]))
    return Relation(name, op, draw(_VERSIONS) if op else "", draw(st.sampled_from([""] * 9 + ["i386"])))


@st.composite
def _provides(draw: st.DrawFn) -> tuple[Provided, ...]:
    names = st.sampled_from([_VIRTUAL, _VIRTUAL, *_NAMES])
    return tuple(draw(st.lists(st.builds(Provided, names, st.just("") | _VERSIONS), max_size=2, unique=True)))


@st.composite
def _sections(draw: st.DrawFn, name: str) -> ForeignSection:
    packages = [
        ForeignPackage(
            package, draw(_VERSIONS), draw(_provides()), draw(st.sampled_from(PackageState)), draw(_OUTCOMES)
        )
        for package in draw(st.lists(st.sampled_from(_NAMES), unique=True))
    ]
    return ForeignSection(SectionName(name), packages)


_OUTCOMES: Final = st.sampled_from([None, None, *Outcome])
