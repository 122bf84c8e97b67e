"""The computation of a section's states, as the rest of the master calls it. It is pure: values in, values out."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from piufarm.master.states.graph import Graph
from piufarm.master.states.reasons import Reasons
from piufarm.master.states.rules import GOOD
from piufarm.master.states.solution import Solution, solve
from piufarm.master.states.weights import Weight, Weights
from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Snapshot

_NOTHING: Final = Weight()
_MISSING: Final = -1  # in place of the followed alternative of a clause that nothing satisfies


def evaluate(snapshot: Snapshot, graph: Graph | None = None) -> dict[Package, ComputedState]:
    """The states of a section; only what differs from what the snapshot says is stored.

    `graph` is that of the snapshot, if the caller has kept it from an earlier one (Graph.after).
    """
    graph = graph or Graph(snapshot)
    solution = solve(graph, [node.outcome for node in graph.nodes])
    weights = Weights(solution).all()
    retestable: Set[int] = frozenset()
    if any(node.recycled for node in graph.nodes):
        again = _recycled(graph)
        retestable = {position for position in range(len(graph.nodes)) if _is_retestable(again, position)}
        for position, weight in Weights(again).of_candidates(sorted(retestable)).items():
            weights[position] = weight._replace(blocked=weights.get(position, _NOTHING).blocked)
    return _changes(solution, weights, retestable)


def _recycled(graph: Graph) -> Solution:
    """The states as they would be if failures that are to be tested again had not been tested yet."""
    return solve(
        graph, [None if node.recycled and node.outcome is not Outcome.PASS else node.outcome for node in graph.nodes]
    )


def _is_retestable(again: Solution, position: int) -> bool:
    """Whether a package that is to be tested again could be tested now; its own pass does not keep it from that."""
    if not again.graph.nodes[position].recycled or not again.graph.nodes[position].listed:
        return False
    state = again.states[position]
    return state is PackageState.WAITING_TO_BE_TESTED or (state is GOOD and not again.pending(position))


def _blocker(solution: Solution, position: int) -> str:
    """See ComputedState."""
    graph, target = solution.graph, solution.blocker(position)
    if target is None or target < len(graph.nodes):
        return "" if target is None else graph.nodes[target].name
    section, package = graph.guests[target - len(graph.nodes)]
    return f"{package.name} {section}"


def _changes(solution: Solution, weights: dict[int, Weight], retestable: Set[int]) -> dict[Package, ComputedState]:
    reasons = Reasons(solution)
    alternatives = [_MISSING if choice is None else choice.alternative for choice in solution.choices]
    changed: dict[Package, ComputedState] = {}
    for position, node in enumerate(solution.graph.nodes):
        chosen = tuple([alternatives[clause] for clause in solution.graph.clauses[position]])
        computed = ComputedState(
            solution.states[position],
            reasons.of(position),
            *weights.get(position, _NOTHING),
            chosen if any(chosen) else (),
            position in retestable,
            _blocker(solution, position),
        )
        if computed != node.stored:
            changed[Package(node.name)] = computed
    return changed
