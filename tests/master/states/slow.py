"""The states of a section, found the slow and obvious way: by asking again and again until nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import apt_pkg

from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ForeignPackage, ForeignSection, Node, Provided, Relation

GOOD: Final = PackageState.SUCCESSFULLY_TESTED
FAILED: Final = PackageState.FAILED_TESTING
UNTESTABLE: Final = PackageState.CANNOT_BE_TESTED
READY: Final = PackageState.WAITING_TO_BE_TESTED
WAITS: Final = PackageState.WAITING_FOR_DEPENDENCY
DEP_FAILED: Final = PackageState.DEPENDENCY_FAILED
DEP_UNTESTABLE: Final = PackageState.DEPENDENCY_CANNOT_BE_TESTED
DEP_MISSING: Final = PackageState.DEPENDENCY_DOES_NOT_EXIST

_MAKES: Final[Mapping[PackageState, PackageState]] = MappingProxyType(
    {
        FAILED: DEP_FAILED,
        UNTESTABLE: DEP_UNTESTABLE,
        DEP_FAILED: DEP_FAILED,
        DEP_UNTESTABLE: DEP_UNTESTABLE,
        DEP_MISSING: DEP_UNTESTABLE,
    }
)
_LEAST_GRAVE: Final = list(_MAKES)
_EXCUSED: Final = "excused"  # stands for a package that cannot be tested here, and that is nobody's fault
_WITHOUT: Final = "nobody"  # the name of an option that is the package itself

apt_pkg.init_system()

_ORDERS: Final[Mapping[str, Callable[[int], bool]]] = MappingProxyType(
    {
        "<<": lambda order: order < 0,
        "<=": lambda order: order <= 0,
        "=": lambda order: order == 0,
        ">=": lambda order: order >= 0,
        ">>": lambda order: order > 0,
    }
)

Place = tuple[str, str]  # section and name; the section is empty for the own one
Clause = list[list[Place]]  # by alternative, what satisfies it


class SlowStates:
    """What the rules say about each package."""

    def __init__(self, nodes: Sequence[Node], others: Sequence[ForeignSection]) -> None:
        self._own = {node.name: node for node in nodes}
        self._others = {
            other.name: {package.name: package for package in sorted(other.packages)} for other in others
        }
        self._names = sorted(self._own)
        self._clauses = {
            name: [self._clause(name, clause) for clause in node.depends] for name, node in self._own.items()
        }
        self._states: dict[Place, PackageState | None] = {
            ("", name): self._direct(node) for name, node in self._own.items()
        }
        for section, packages in self._others.items():
            self._states |= {(section, name): _seen(package) for name, package in packages.items()}
        self._needs: dict[str, set[Place]] = {}  # by package that waits: what it follows that is not good

    def find(self) -> dict[str, PackageState]:
        """By name."""
        while fresh := {name: state for name in self._undecided() if (state := self._error(name)) is not None}:
            self._states.update((("", name), state) for name, state in fresh.items())
        for name in self._undecided():
            followed = set(map(self._followed, self._clauses[name]))
            self._needs[name] = {place for place in followed if place[1] != _EXCUSED and self._state(place) is not GOOD}
        ready = {name: READY if self._is_ready(name) else WAITS for name in self._needs}
        self._states.update((("", name), state) for name, state in ready.items())
        return {name: state for name in self._names if (state := self._states["", name]) is not None}

    def _undecided(self) -> Iterator[str]:
        return (name for name in self._names if self._states["", name] is None)

    def _is_outdated(self, node: Node) -> bool:
        newest = [found[node.name].version for found in self._others.values() if node.name in found]
        return node.listed and any(apt_pkg.version_compare(version, node.archive_version) > 0 for version in newest)

    def _direct(self, node: Node) -> PackageState | None:
        if not node.listed:
            return FAILED if node.outcome is Outcome.FAIL else GOOD
        if self._is_outdated(node):
            return PackageState.OUTDATED
        match node.outcome:
            case Outcome.FAIL:
                return FAILED
            case Outcome.UNTESTABLE:
                return UNTESTABLE
            case Outcome.PASS if all(any(alternatives) for alternatives in self._clauses[node.name]):
                return GOOD
            case _:
                return None

    def _clause(self, user: str, clause: Sequence[Relation]) -> Clause:
        found = map(self._satisfying, clause)
        return [[("", _WITHOUT) if place == ("", user) else place for place in places] for places in found]

    def _satisfying(self, wanted: Relation) -> list[Place]:
        if wanted.arch:
            return [("", _EXCUSED)]
        found: list[Place] = []
        current = [node for node in self._own.values() if not self._is_outdated(node)]
        shelves: list[tuple[str, Sequence[Node | ForeignPackage]]] = [("", current)]
        shelves += [(section, list(packages.values())) for section, packages in self._others.items()]
        for section, packages in shelves:
            for package in sorted(packages, key=lambda one: (one.name != wanted.name, one.name)):
                if package.name not in [name for _, name in found] and _satisfies(package, wanted):
                    found.append((section, package.name))
        known = wanted.name in self._own or any(wanted.name in packages for packages in self._others.values())
        if not found and wanted.name == "kbdcontrol" and not known:
            return [("", _EXCUSED)]
        return found

    def _state(self, place: Place) -> PackageState | None:
        return GOOD if place[1] == _WITHOUT else None if place[1] == _EXCUSED else self._states[place]

    def _error(self, name: str) -> PackageState | None:
        for clause in self._clauses[name]:
            states = [self._state(place) for places in clause for place in places]
            if not states:
                return DEP_MISSING
            if all(state in _MAKES for state in states):
                first = next(places for places in clause if places)
                return _MAKES[min((self._states[place] or GOOD for place in first), key=_LEAST_GRAVE.index)]
        return None

    def _followed(self, clause: Clause) -> Place:
        places = [place for alternatives in clause for place in alternatives]
        for wanted in ("good", "hopeful", "excused"):
            for place in places:
                state = self._state(place)
                kind = "excused" if place[1] == _EXCUSED else "good" if state is GOOD else "hopeful"
                if kind == wanted and state not in _MAKES:
                    return place
        raise AssertionError("an undecided package has a clause without hope")

    def _closure(self, name: str) -> set[Place]:
        found: set[Place] = set()
        queue = [name]
        for here in queue:
            for place in self._needs.get(here, set()) - found:
                found.add(place)
                if not place[0]:
                    queue.append(place[1])
        return found

    def _is_ready(self, name: str) -> bool:
        """Members of a cycle do not wait for each other."""
        return all(not place[0] and ("", name) in self._closure(place[1]) for place in self._needs[name])


def _seen(package: ForeignPackage) -> PackageState | None:
    if package.outcome is Outcome.PASS or package.state is GOOD:
        return GOOD
    return package.state if package.state in _MAKES else None


def _satisfies(package: Node | ForeignPackage, wanted: Relation) -> bool:
    if isinstance(package, ForeignPackage) and package.state is PackageState.OUTDATED:
        return False
    version = package.archive_version if isinstance(package, Node) else package.version
    offered = [*package.provides, Provided(wanted.name, version)] if package.name == wanted.name else package.provides
    return any(
        name == wanted.name
        and (not wanted.op or (version and _ORDERS[wanted.op](apt_pkg.version_compare(version, wanted.version))))
        for name, version in offered
    )
