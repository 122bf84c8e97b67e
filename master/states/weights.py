"""How much depends on a package: the order in which candidates are handed out, and what failures block."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from piufarm.master.states.names import SATISFIED
from piufarm.master.states.reach import reach
from piufarm.master.states.rules import OWN_ERRORS, PROPAGATED
from piufarm.master.states.solution import Solution
from piufarm.states import WAITING, PackageState


class Weight(NamedTuple):
    """The numbers of PackageRow."""

    chain: int = 0
    waiting: int = 0
    blocked: int = 0


class Weights:
    """The numbers that follow from a solution; packages that follow a package are its users."""

    def __init__(self, solution: Solution) -> None:
        self._solution = solution
        self._states = solution.states
        self._waiting = {position for position, state in enumerate(solution.states) if state in WAITING}
        self._users = _users(solution)

    def all(self) -> dict[int, Weight]:
        """Of packages that can be tested or block others; of those that still wait an estimate."""
        own = range(len(self._solution.graph.nodes))
        ready = [position for position in own if self._states[position] is PackageState.WAITING_TO_BE_TESTED]
        found = self._estimates()
        found |= self.of_candidates(ready)
        errors = {position for position in own if self._states[position] in PROPAGATED}
        blockers = [position for position in own if self._states[position] in OWN_ERRORS]
        for position, (levels, blocked) in reach(self._users, blockers, errors).items():
            found[position] = Weight(levels, blocked=blocked)
        return found

    def of_candidates(self, positions: Sequence[int]) -> dict[int, Weight]:
        """Chain and waiting, exactly."""
        found = reach(self._users, positions, self._waiting)
        return {position: Weight(levels, waiting) for position, (levels, waiting) in found.items()}

    def _estimates(self) -> dict[int, Weight]:
        """Of packages that wait: what depends on the user with the most users, or the users alone if they are more.

        Cheap, and good enough for the moments between the result that makes a package a candidate and the next
        evaluation.
        """
        found: dict[int, Weight] = {}
        for component in reversed(self._solution.waiting):
            # those above have been here already; members of this component and what does not wait have not
            users = {user for position in component for user in self._users[position] if user in found}
            estimate = Weight(1, len(component) - 1)
            if users:
                above = [found[user] for user in users]
                waiting = max(len(users), 1 + max(waiting for _, waiting, _ in above))
                estimate = Weight(1 + max(chain for chain, _, _ in above), waiting + len(component) - 1)
            for position in component:
                found[position] = estimate
        return found


def _users(solution: Solution) -> list[Collection[int]]:
    """By position, the packages that follow it in one of their clauses."""
    users: list[list[int]] = [[] for _ in solution.states]
    targets = [choice.target if choice is not None else SATISFIED for choice in solution.choices]
    for position, clauses in enumerate(solution.graph.clauses):
        for target in {targets[clause] for clause in clauses}:
            if target >= 0:
                users[target].append(position)
    return [*users]
