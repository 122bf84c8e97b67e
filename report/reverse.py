"""Who depends on whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from piufarm.names import Package
from piufarm.states import PackageState
from piufarm.store.model import Dependency

ERROR_STATES: Final = frozenset(
    {
        PackageState.FAILED_TESTING,
        PackageState.CANNOT_BE_TESTED,
        PackageState.DEPENDENCY_FAILED,
        PackageState.DEPENDENCY_CANNOT_BE_TESTED,
        PackageState.DEPENDENCY_DOES_NOT_EXIST,
    }
)
WAITING_STATES: Final = frozenset({PackageState.WAITING_TO_BE_TESTED, PackageState.WAITING_FOR_DEPENDENCY})


def followed(
    dependency: Dependency, states: Mapping[Package, PackageState], providers: Mapping[Package, Sequence[Package]]
) -> Package | None:
    """The real package that a clause leads to: the chosen alternative, a virtual name's provider in the best state."""
    name = dependency.chosen or dependency.alternatives[0].name
    if name in states:
        return name
    known = [provider for provider in providers.get(name, ()) if provider in states]
    return min(known, key=lambda provider: _hopelessness(states[provider]), default=None)


def _hopelessness(state: PackageState) -> int:
    return 0 if state is PackageState.SUCCESSFULLY_TESTED else 1 if state in WAITING_STATES else 2


def reverse_edges(
    dependencies: Mapping[Package, Sequence[Dependency]],
    states: Mapping[Package, PackageState],
    providers: Mapping[Package, Sequence[Package]],
) -> dict[Package, list[Package]]:
    """For each package those that depend on it directly, by name."""
    edges: dict[Package, list[Package]] = {}
    for package in sorted(states.keys() & dependencies.keys()):
        targets = {followed(dependency, states, providers) for dependency in dependencies[package]}
        for target in targets:
            if target is not None and target != package:
                edges.setdefault(target, []).append(package)
    return edges
