"""The states of packages that are about to enter the store, computed before their rows are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from piufarm.master.states.evaluation import evaluate
from piufarm.names import Package
from piufarm.states import PackageState
from piufarm.store.evaluations import Circumstances
from piufarm.store.model import ComputedState, IndexPackage, Node, Snapshot

_NOT_COMPUTED: Final = ComputedState(PackageState.UNKNOWN, "")


def evaluate_fresh(packages: Sequence[IndexPackage], known: Circumstances) -> dict[Package, ComputedState]:
    """The states of all these packages."""
    return evaluate(fresh_snapshot(packages, known))


def fresh_snapshot(packages: Sequence[IndexPackage], known: Circumstances) -> Snapshot:
    """The section as it will be, with nothing computed yet."""
    nodes = [_node(package, known) for package in sorted(packages, key=lambda package: package.name)]
    return Snapshot(generation=0, counter=known.counter, nodes=nodes, others=known.others)


def _node(package: IndexPackage, known: Circumstances) -> Node:
    what = package.name, package.test_version
    return Node(
        package.name,
        package.test_version,
        package.listed,
        tuple([clause.alternatives for clause in package.depends]),
        package.provides,
        known.outcomes.get(what),
        _NOT_COMPUTED,
        package.version,
        what in known.recycled,
    )
