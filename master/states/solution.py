"""From results and dependencies to states: the rules of docs/states.md, each once, in linear time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from piufarm.master.states.components import components
from piufarm.master.states.graph import Graph, Option
from piufarm.master.states.names import EXCUSED, SATISFIED
from piufarm.master.states.rules import DIRECT, ERRORS, GOOD, PROPAGATED, guest_state
from piufarm.outcome import Outcome
from piufarm.states import PackageState


@dataclass(frozen=True)
class Solution:
    """The states of all positions, and how they came about."""

    graph: Graph
    states: Sequence[PackageState]
    choices: Sequence[Option | None]  # by clause: the option that is followed; None: nothing exists
    needed: Sequence[int]  # by clause: what has to become good for it to be good; negative if nothing has
    blamed: dict[int, int]  # by package in an inherited error: the clause that it comes from
    cycles: dict[int, Sequence[int]]  # by package: the members of the cycle that it is tested with
    waiting: Sequence[Sequence[int]]  # packages that wait, cycles together, each after what it follows

    def pending(self, position: int) -> list[int]:
        """What a package follows and that is not good, in the order of its clauses."""
        return [target for clause in self.graph.clauses[position] if (target := self.needed[clause]) >= 0]

    def blocker(self, position: int) -> int | None:
        """What makes a package wait, or what its inherited error comes from; None if nothing does, or is there."""
        if position in self.blamed:
            choice = self.choices[self.blamed[position]]
            return choice.target if choice is not None else None
        if self.states[position] is not PackageState.WAITING_FOR_DEPENDENCY:
            return None
        together = self.cycles.get(position, ())
        return next((target for target in self.pending(position) if target not in together), None)


def solve(graph: Graph, outcomes: Sequence[Outcome | None]) -> Solution:
    """The states that follow from these outcomes of the packages."""
    solver = _Solver(graph)
    solver.enter_results(outcomes)
    solver.spread_errors()
    solver.choose()
    solver.sort_waiting()
    return solver.solution()


@dataclass
class _Solver:
    graph: Graph
    states: list[PackageState | None] = field(default_factory=list)  # None: waits, one way or the other
    choices: list[Option | None] = field(default_factory=list)
    needed: list[int] = field(default_factory=list)
    blamed: dict[int, int] = field(default_factory=dict)
    cycles: dict[int, Sequence[int]] = field(default_factory=dict)
    waiting: list[Sequence[int]] = field(default_factory=list)

    def enter_results(self, outcomes: Sequence[Outcome | None]) -> None:
        """What tests have said; what lies outside the section counts as good unless it failed here."""
        impossible = {clause for clause, options in enumerate(self.graph.options) if not options}
        for position, outcome in enumerate(outcomes):
            # the pass of a package says nothing once something that it needs does not exist any more
            void = outcome is Outcome.PASS and not impossible.isdisjoint(self.graph.clauses[position])
            self.states.append(self._direct(position, None if void else outcome))
        self.states += [guest_state(guest.package) for guest in self.graph.guests]

    def _direct(self, position: int, outcome: Outcome | None) -> PackageState | None:
        if not self.graph.nodes[position].listed:
            return PackageState.FAILED_TESTING if outcome is Outcome.FAIL else GOOD
        if position in self.graph.names.outdated:
            return PackageState.OUTDATED
        return DIRECT[outcome] if outcome is not None else None

    def spread_errors(self) -> None:
        """A package is in error if all options of one of its clauses are; level by level, whatever the order."""
        users, mentions = self.graph.users(), self.graph.mentions()
        hopes = [len(options) for options in self.graph.options]  # how many options of a clause are not in error
        failed = [clause for clause, number in enumerate(hopes) if not number]
        failed += _lose_hope(hopes, mentions, (p for p, state in enumerate(self.states) if state in PROPAGATED))
        while failed:
            affected = {user for clause in failed for user in users[clause] if self.states[user] is None}
            blamed = {user: next(c for c in self.graph.clauses[user] if not hopes[c]) for user in affected}
            fresh = {user: self._inherited_error(clause) for user, clause in blamed.items()}
            for user, state in fresh.items():
                self.states[user] = state
            self.blamed |= blamed
            failed = _lose_hope(hopes, mentions, fresh)

    def _inherited_error(self, clause: int) -> PackageState:
        options = self.graph.options[clause]
        if not options:
            return PackageState.DEPENDENCY_DOES_NOT_EXIST
        return PROPAGATED[self.states[self._speaker(options).target]]

    def _speaker(self, options: Sequence[Option]) -> Option:
        """Of a clause without hope: its first alternative that exists, by its least grave provider."""
        same_name = [option for option in options if option.alternative == options[0].alternative]
        return min(same_name, key=lambda option: ERRORS.index(self.states[option.target]))

    def choose(self) -> None:
        """Of each clause the first good option, else the first that may become good, else an excuse, else an error."""
        self.choices = [self._choice(options) for options in self.graph.options]
        self.needed = [self._needed(choice) for choice in self.choices]

    def _choice(self, options: Sequence[Option]) -> Option | None:
        hopeful = excused = None
        for option in options:
            if option.target == EXCUSED:
                excused = excused or option
            elif option.target == SATISFIED or (state := self.states[option.target]) is GOOD:
                return option
            elif state not in PROPAGATED:
                hopeful = hopeful or option
        return hopeful or excused or (self._speaker(options) if options else None)

    def sort_waiting(self) -> None:
        """Packages whose dependencies are good, but for members of their own cycle, can be tested now."""
        needed = self.needed
        undecided = [position for position, state in enumerate(self.states) if state is None]
        successors: list[list[int]] = [[] for _ in self.states]
        for position in undecided:
            successors[position] = [needed[clause] for clause in self.graph.clauses[position] if needed[clause] >= 0]
        for component in components(successors, undecided):
            if self.states[component[0]] is None:  # else a guest
                self._sort(component, successors)

    def _sort(self, component: Sequence[int], successors: Sequence[Sequence[int]]) -> None:
        together = frozenset(component)
        for position in component:
            ready = together.issuperset(successors[position])
            self.states[position] = PackageState.WAITING_TO_BE_TESTED if ready else PackageState.WAITING_FOR_DEPENDENCY
            if len(component) > 1:
                self.cycles[position] = component
        self.waiting.append(component)

    def _needed(self, choice: Option | None) -> int:
        if choice is None or choice.target < 0 or self.states[choice.target] is GOOD:
            return SATISFIED
        return choice.target

    def solution(self) -> Solution:
        """What was found."""
        states = [state for state in self.states if state is not None]
        assert len(states) == len(self.states), "every package has a state"
        return Solution(self.graph, states, self.choices, self.needed, self.blamed, self.cycles, self.waiting)


def _lose_hope(hopes: list[int], mentions: Sequence[Sequence[int]], fallen: Iterable[int]) -> list[int]:
    """Count packages that have fallen into error out of the options; the clauses that have none left."""
    lost = []
    for position in fallen:
        for clause in mentions[position]:
            hopes[clause] -= 1
            if not hopes[clause]:
                lost.append(clause)
    return lost
