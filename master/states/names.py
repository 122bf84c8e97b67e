"""Who stands for a name that a dependency mentions: packages of the section, then those of other sections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

from piufarm.master.states.rules import is_excused
from piufarm.master.states.versions import Versions
from piufarm.names import SectionName
from piufarm.states import PackageState
from piufarm.store.model import ForeignPackage, ForeignSection, Node, Provided, Relation

SATISFIED: Final = -1  # in place of a position: the package itself
EXCUSED: Final = -2  # the same: a name that cannot be tested here, and that is nobody's fault

_Where = TypeVar("_Where")


class Guest(NamedTuple):
    """A package of another section that something in this one depends on."""

    section: SectionName
    package: ForeignPackage


class Names:
    """The packages behind names, as positions: those of the section, and from len(nodes) on the guests."""

    def __init__(self, nodes: Sequence[Node], others: Sequence[ForeignSection]) -> None:
        self.guests: list[Guest] = []
        self._nodes = nodes
        self._versions = Versions()
        self._own = {node.name: position for position, node in enumerate(nodes)}
        self._others = [_Shelf(section) for section in others]
        self.outdated = self._find_outdated()
        providers = sorted((node.name, position) for position, node in enumerate(nodes) if node.provides)
        self._providers = _by_name((one, position) for _, position in providers for one in nodes[position].provides)
        self._positions: dict[tuple[SectionName, str], int] = {}  # of the guests

    def find(self, wanted: Relation) -> tuple[int, ...]:
        """Everything that satisfies a relation, in the order of preference; empty if nothing does."""
        if wanted.arch:
            return (EXCUSED,)
        found = self._find_own(wanted)
        if self._others:
            found += self._find_elsewhere(wanted, {self._nodes[position].name for position in found})
        if not found and is_excused(wanted.name) and not self.versions(wanted.name):
            return (EXCUSED,)
        return tuple(found)

    def versions(self, name: str) -> list[str]:
        """Which versions of a package there are, first that of the section unless it is outdated."""
        own = self._own.get(name)
        found = [] if own is None or own in self.outdated else [_archive_version(self._nodes[own])]
        found += [shelf.packages[name].version for shelf in self._others if name in shelf.packages]
        return list(dict.fromkeys(found))

    def is_provided(self, name: str) -> bool:
        """Whether a package provides the name, in whatever version."""
        return name in self._providers or any(name in shelf.providers for shelf in self._others)

    def _find_own(self, wanted: Relation) -> list[int]:
        own = self._own.get(wanted.name)
        providers = self._providers.get(wanted.name, ())
        found = {position: None for one, position in providers if _fits(self._versions, one.version, wanted)}
        # a package may also provide its own name, in another version
        if own is not None and (own in found or _fits(self._versions, _archive_version(self._nodes[own]), wanted)):
            found = {own: None} | found
        return [position for position in found if position not in self.outdated]

    def _find_elsewhere(self, wanted: Relation, known: set[str]) -> Iterator[int]:
        """The same in other sections; of packages of one name the first counts."""
        for shelf in self._others:
            for package in shelf.find(wanted, self._versions):
                if package.name not in known:
                    known.add(package.name)
                    yield self._invite(Guest(shelf.name, package))

    def _invite(self, guest: Guest) -> int:
        key = guest.section, guest.package.name
        if key not in self._positions:
            self._positions[key] = len(self._nodes) + len(self.guests)
            self.guests.append(guest)
        return self._positions[key]

    def _find_outdated(self) -> dict[int, Guest]:
        """Packages of the section of which another one has a strictly newer version, and where."""
        found: dict[int, Guest] = {}
        for shelf in self._others:
            for name in self._own.keys() & shelf.packages.keys():
                position, package = self._own[name], shelf.packages[name]
                node = self._nodes[position]
                if node.listed and self._versions.is_newer(package.version, than=_archive_version(node)):
                    found.setdefault(position, Guest(shelf.name, package))
        return found


class _Shelf:
    """Another section by names."""

    def __init__(self, section: ForeignSection) -> None:
        self.name = section.name
        self.packages = {package.name: package for package in section.packages}
        self.providers = _by_name(
            (provided, package)
            for package in sorted(section.packages, key=lambda package: package.name)
            for provided in package.provides
        )

    def find(self, wanted: Relation, versions: Versions) -> Iterator[ForeignPackage]:
        """What satisfies a relation here; what is outdated even here is left to the sections after it."""
        package = self.packages.get(wanted.name)
        if package is not None and _fits(versions, package.version, wanted) and _is_current(package):
            yield package
        for provided, provider in self.providers.get(wanted.name, ()):
            if _fits(versions, provided.version, wanted) and _is_current(provider):
                yield provider


def _by_name(provided: Iterable[tuple[Provided, _Where]]) -> dict[str, list[tuple[Provided, _Where]]]:
    found: dict[str, list[tuple[Provided, _Where]]] = {}
    for one, where in provided:
        found.setdefault(one.name, []).append((one, where))
    return found


def _archive_version(node: Node) -> str:
    return node.archive_version or node.version


def _fits(versions: Versions, version: str, wanted: Relation) -> bool:
    """An empty version is that of a name which is provided without one."""
    return not wanted.op or bool(version and versions.fits(version, wanted.op, wanted.version))


def _is_current(package: ForeignPackage) -> bool:
    return package.state is not PackageState.OUTDATED
