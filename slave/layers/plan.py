"""Which layers are worth making for a batch, and in which order its packages use them best.

What several packages need in common can be installed without the rest: whatever one of these dependencies needs is
needed by all of the packages, too. Of all groups of packages that share a dependency, the one whose common dependencies
save the most stands on a layer of these; then again for what is left, within the group and beside it. A layer is worth
making where it saves more, by a model of what installing costs, than making it costs; one that is there, or that
another slave is going to make, costs nothing.

What a layer has can meet a dependency for which apt, in the base alone, chooses another package: `a | b` with b in the
layer. Such a package does not stand on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Final, NamedTuple

from piufarm.slave.layers.closure import Deb

# Core-seconds, fitted to what apt and dpkg alone take for 200 random packages of bookworm: of each package, of each
# MB of .debs, of what some packages run to configure themselves; of a layer itself (a chroot, a start of apt, its
# cache), and of each MB of .debs in it (looking at the files).
PACKAGE_SECONDS: Final = 0.018
MEGABYTE_SECONDS: Final = 0.064
SCRIPT_SECONDS: Final = {
    "python3*": 0.16,  # starts Python to compile modules
    "libpython3*": 0.16,
    "ca-certificates": 1.5,
}
LAYER_SECONDS: Final = 1.0
LAYER_MEGABYTE_SECONDS: Final = 0.02
_MEGABYTE: Final = 1_000_000

Versions = Mapping[str, str]  # name -> version
_Item = tuple[str, str]  # name and version
_Need = frozenset[_Item]


@dataclass(frozen=True)
class Planned:
    """What a package's test is to stand on: all that will be installed, and the layers to use, lowest first."""

    package: str  # as it was asked for
    installed: Versions
    layers: tuple[Versions, ...]


def plan(closures: Mapping[str, Sequence[Deb]], known: Iterable[Sequence[Versions]] = ()) -> list[Planned]:
    """The packages in the order in which they are to be tested; those that apt would not install come last.

    `known`: layers that are there or that others are going to make; what stands on these comes after the rest.
    """
    installed = {package: {deb.name: deb.version for deb in debs} for package, debs in closures.items()}
    needs = {
        package: frozenset(item for item in items.items() if item[0] != package.partition("=")[0])
        for package, items in installed.items()
        if items
    }
    weights = {(deb.name, deb.version): _Weight.of(deb) for debs in closures.values() for deb in debs}
    ways = {tuple(frozenset(layer.items()) for layer in way) for way in known}
    batch = _Batch(closures, weights, {way[:length] for way in ways for length in range(1, len(way) + 1)})
    chosen = {package: tuple(map(dict, way)) for package, way in batch.arranged(needs, ())}
    planned = [Planned(package, installed[package], layers) for package, layers in chosen.items()]
    return planned + [Planned(package, {}, ()) for package, items in installed.items() if not items]


def best_way(planned: Planned, debs: Sequence[Deb], ready: Iterable[Sequence[Versions]]) -> Sequence[Versions]:
    """The layers that spare the most: those planned for the package, or others that have been made meanwhile."""
    weights = {deb.name: _Weight.of(deb).installing for deb in debs}
    own = planned.package.partition("=")[0]
    others = {item for item in planned.installed.items() if item[0] != own}
    ways = [
        way for way in ready
        if all(layer.items() <= others for layer in way) and comes_the_same(planned.package, debs, way)
    ]  # fmt: skip
    return max([*ways, planned.layers], key=lambda way: sum(weights[name] for layer in way for name in layer))


def comes_the_same(package: str, debs: Sequence[Deb], layers: Iterable[Versions]) -> bool:
    """Whether apt, asked for the package, installs on these layers what is missing of the .debs, all of it."""
    there = {name for layer in layers for name in layer}
    needs = {deb.name: deb.needs for deb in debs}
    pending, reached = [package.partition("=")[0]], set(there)
    while pending:
        name = pending.pop()
        if name not in reached:
            reached.add(name)
            pending += [one for clause in needs.get(name, ()) if not there.intersection(clause) for one in clause]
    return needs.keys() <= reached


@dataclass(frozen=True)
class _Weight:
    """What installing a .deb costs, and having it in a layer, in core-seconds."""

    installing: float
    keeping: float

    @classmethod
    def of(cls, deb: Deb) -> _Weight:
        megabytes = deb.size_bytes / _MEGABYTE
        scripts = sum(seconds for pattern, seconds in SCRIPT_SECONDS.items() if fnmatchcase(deb.name, pattern))
        return cls(PACKAGE_SECONDS + scripts + MEGABYTE_SECONDS * megabytes, LAYER_MEGABYTE_SECONDS * megabytes)


class _Group(NamedTuple):
    """Packages that can stand on a layer."""

    gain: float  # core-seconds
    packages: tuple[str, ...]
    layer: _Need
    is_known: bool


@dataclass(frozen=True)
class _Batch:
    """How packages find together."""

    closures: Mapping[str, Sequence[Deb]]
    weights: Mapping[_Item, _Weight]
    known: set[tuple[_Need, ...]]

    def arranged(self, needs: Mapping[str, _Need], below: tuple[_Need, ...]) -> Iterator[tuple[str, tuple[_Need, ...]]]:
        """Every package with its layers; `needs`: what each still needs on the layers `below`."""
        left = dict(needs)
        later: list[_Group] = []
        while left and (group := max(self._groups(left, below), key=itemgetter(0, 1), default=None)):
            way = [dict(layer) for layer in (*below, group.layer)]
            unfit = [one for one in group.packages if not comes_the_same(one, self.closures[one], way)]
            for package in unfit:
                del left[package]
                yield package, below
            if unfit:
                continue
            rest = {package: left.pop(package) - group.layer for package in group.packages}
            if group.is_known:
                later.append(group)
            else:
                yield from self.arranged(rest, (*below, group.layer))
        yield from ((package, below) for package in left)
        for group in later:
            rest = {package: needs[package] - group.layer for package in group.packages}
            yield from self.arranged(rest, (*below, group.layer))

    def _groups(self, left: Mapping[str, _Need], below: tuple[_Need, ...]) -> Iterator[_Group]:
        """Those that gain something."""
        for way in self.known:
            if way[:-1] == below:
                packages = tuple(package for package, need in left.items() if way[-1] <= need)
                if packages:
                    yield _Group(len(packages) * self._installing(way[-1]), packages, way[-1], is_known=True)
        users = defaultdict(list)
        for package, need in left.items():
            for item in need:
                users[item].append(package)
        for packages in {tuple(found) for found in users.values() if len(found) > 1}:
            layer = frozenset.intersection(*(left[package] for package in packages))
            making = LAYER_SECONDS + sum(self.weights[item].keeping for item in layer)
            gain = (len(packages) - 1) * self._installing(layer) - making
            if gain > 0:
                yield _Group(gain, packages, layer, is_known=False)  # a known one gains more

    def _installing(self, layer: _Need) -> float:
        return sum(self.weights[item].installing for item in layer)
