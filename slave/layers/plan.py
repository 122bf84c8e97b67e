"""Which layers are worth making for a batch, and in which order its packages use them best.

The dependencies of each package are sorted by how many packages of the batch need them; packages then share the
beginnings of these lists, as in a tree. What needs another package is never needed by more packages than that one, and
those that are always needed together stand side by side: so a beginning can be installed without the rest. A branch
becomes a layer where what it saves, by a model of what installing costs, is more than what making it costs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from piufarm.slave.layers.closure import Deb

# Core-seconds, fitted to measurements (docs/benchmarks.md): of each package, of each MB of .debs, and of a layer
# itself: a chroot, a start of apt, copying, apt's cache.
PACKAGE_SECONDS: Final = 0.014
MEGABYTE_SECONDS: Final = 0.064
LAYER_SECONDS: Final = 1.0
_MEGABYTE: Final = 1_000_000

Versions = Mapping[str, str]  # name -> version


@dataclass(frozen=True)
class Planned:
    """What a package's test is to stand on: all that will be installed, and the layers to use, lowest first."""

    package: str  # as it was asked for
    installed: Versions
    layers: tuple[Versions, ...]


def plan(closures: Mapping[str, Sequence[Deb]]) -> list[Planned]:
    """The packages in the order in which they are to be tested; those that apt would not install come last."""
    weights = {deb.name: _seconds(deb) for debs in closures.values() for deb in debs}
    users: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, debs in enumerate(closures.values()):
        for deb in debs:
            users[deb.name, deb.version].append(number)
    top = _Branch()
    for package, debs in closures.items():
        needed = [(deb.name, deb.version) for deb in debs if deb.name != package.partition("=")[0]]
        needed.sort(key=lambda item: (-len(users[item]), users[item], item))
        top.add(needed if debs else [], package)
    installed = {package: {deb.name: deb.version for deb in debs} for package, debs in closures.items()}
    planned = [
        Planned(package, installed[package], layers) for package, layers in _walk(top, weights)
    ]
    return sorted(planned, key=lambda item: not item.installed)


def _seconds(deb: Deb) -> float:
    return PACKAGE_SECONDS + MEGABYTE_SECONDS * deb.size_bytes / _MEGABYTE


@dataclass
class _Branch:
    """Packages that need the same beginning."""

    count: int = 0
    ends: list[str] = field(default_factory=list)  # packages that need nothing more
    next: dict[tuple[str, str], _Branch] = field(default_factory=dict)

    def add(self, needed: Sequence[tuple[str, str]], package: str) -> None:
        branch = self
        for item in needed:
            branch = branch.next.setdefault(item, _Branch())
            branch.count += 1
        branch.ends.append(package)


def _walk(top: _Branch, weights: Mapping[str, float]) -> list[tuple[str, tuple[Versions, ...]]]:
    """Every package with its layers; those that share layers follow each other."""
    found: list[tuple[str, tuple[Versions, ...]]] = []
    pending: list[tuple[_Branch, dict[str, str], tuple[Versions, ...]]] = [(top, {}, ())]
    while pending:
        branch, loose, layers = pending.pop()
        while len(branch.next) == 1 and not branch.ends:
            ((name, version), following), = branch.next.items()
            if branch.count and following.count != branch.count:
                break
            branch, loose = following, {**loose, name: version}
        saved = (branch.count - 1) * sum(weights[name] for name in loose)
        if saved > LAYER_SECONDS:
            layers, loose = (*layers, loose), {}
        found += [(package, layers) for package in branch.ends]
        children = sorted(branch.next.items(), key=lambda item: item[1].count)
        pending += [(child, {**loose, item[0]: item[1]}, layers) for item, child in children]
    return found
