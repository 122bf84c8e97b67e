"""From results and dependencies to states: the rules of docs/states.md, each once, in linear time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from piufarm.master.states.components import components
from piufarm.master.states.graph import SATISFIED, Clause, Graph, Option
from piufarm.master.states.reach import reach
from piufarm.master.states.reasons import Reasons
from piufarm.master.states.rules import DIRECT, ERRORS, GOOD, OWN_ERRORS, PROPAGATED, WAITING
from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Node, Snapshot


def evaluate(snapshot: Snapshot) -> dict[Package, ComputedState]:
    """The states of a section; only what differs from what the snapshot says is stored."""
    computation = _Computation(Graph(snapshot.nodes))
    computation.enter_results()
    computation.propagate_errors()
    computation.choose()
    computation.classify_waiting()
    return computation.changes()


@dataclass
class _Computation:
    graph: Graph
    states: list[PackageState | None] = field(default_factory=list)  # None: waits, one way or the other
    chosen: list[tuple[Option | None, ...]] = field(default_factory=list)  # by node and clause; None: nothing exists
    cycle: dict[int, Sequence[int]] = field(default_factory=dict)  # members of the cycle that a node is tested with

    def enter_results(self) -> None:
        """What tests have said; what lies outside the section counts as good unless it failed here."""
        self.states = [self._direct(position, node) for position, node in enumerate(self.graph.nodes)]

    def _direct(self, position: int, node: Node) -> PackageState | None:
        if not node.listed:
            failed = node.outcome is Outcome.FAIL
            return PackageState.FAILED_TESTING if failed else GOOD
        if node.outcome is Outcome.PASS and not all(self.graph.clauses[position]):
            return None  # something that it needs does not exist any more: the old pass says nothing
        return DIRECT[node.outcome] if node.outcome is not None else None

    def propagate_errors(self) -> None:
        """A package is in error if all options of one of its clauses are; level by level, whatever the order."""
        users = self._users()
        front: Sequence[int] = range(len(self.states))
        while front:
            fresh = {
                position: state
                for position in front
                if self.states[position] is None and (state := self._inherited_error(position)) is not None
            }
            for position, state in fresh.items():
                self.states[position] = state
            front = sorted({user for position in fresh for user in users[position]})

    def _users(self) -> list[list[int]]:
        """By node, the undecided packages with an option for it."""
        users: list[list[int]] = [[] for _ in self.states]
        for position, clauses in enumerate(self.graph.clauses):
            if self.states[position] is None:
                for target in {option.target for clause in clauses for option in clause} - {SATISFIED}:
                    users[target].append(position)
        return users

    def _inherited_error(self, position: int) -> PackageState | None:
        for clause in self.graph.clauses[position]:
            if not clause:
                return PackageState.DEPENDENCY_DOES_NOT_EXIST
            if all(self._is_error(option) for option in clause):
                return PROPAGATED[self.states[_first_error(clause, self.states).target]]
        return None

    def _is_error(self, option: Option) -> bool:
        return option.target != SATISFIED and self.states[option.target] in PROPAGATED

    def _is_good(self, option: Option) -> bool:
        return option.target == SATISFIED or self.states[option.target] is GOOD

    def choose(self) -> None:
        """Of each clause the first good option, else the first that may become good, else the first."""
        self.chosen = [tuple(map(self._choice, clauses)) for clauses in self.graph.clauses]

    def _choice(self, clause: Clause) -> Option | None:
        hopeful = None
        for option in clause:
            if self._is_good(option):
                return option
            if hopeful is None and not self._is_error(option):
                hopeful = option
        if hopeful is None and clause:
            return _first_error(clause, self.states)
        return hopeful

    def classify_waiting(self) -> None:
        """Packages whose dependencies are good, but for members of their own cycle, can be tested now."""
        undecided = [position for position, state in enumerate(self.states) if state is None]
        successors: list[list[int]] = [[] for _ in self.states]
        for position in undecided:
            successors[position] = self._pending(position)
        for component in components(successors, undecided):
            together = frozenset(component)
            for position in component:
                ready = all(target in together for target in successors[position])
                self.states[position] = (
                    PackageState.WAITING_TO_BE_TESTED if ready else PackageState.WAITING_FOR_DEPENDENCY
                )
                if len(component) > 1:
                    self.cycle[position] = component

    def _pending(self, position: int) -> list[int]:
        return [option.target for option in self.chosen[position] if option is not None and not self._is_good(option)]

    def changes(self) -> dict[Package, ComputedState]:
        """What is to be written."""
        chains, waiting, blocked = self._weights()
        reasons = Reasons(self.graph.nodes, self.graph.clauses, self.states, self.chosen, self.cycle)
        changed: dict[Package, ComputedState] = {}
        for position, node in enumerate(self.graph.nodes):
            state = self.states[position]
            assert state is not None
            computed = ComputedState(
                state,
                reasons.of(position),
                chains.get(position, 0),
                waiting.get(position, 0),
                blocked.get(position, 0),
                _indexes(self.chosen[position]),
            )
            if computed != node.stored:
                changed[Package(node.name)] = computed
        return changed

    def _weights(self) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
        """Chain and waiting of the candidates, chain and blocked of the packages that block others."""
        users: list[list[int]] = [[] for _ in self.states]
        for position, choices in enumerate(self.chosen):
            for target in {option.target for option in choices if option is not None} - {SATISFIED}:
                users[target].append(position)
        candidates = [p for p, state in enumerate(self.states) if state is PackageState.WAITING_TO_BE_TESTED]
        blockers = [p for p, state in enumerate(self.states) if state in OWN_ERRORS]
        waits = [state in WAITING for state in self.states]
        errs = [state in PROPAGATED for state in self.states]
        from_candidates = dict(zip(candidates, reach(users, candidates, waits), strict=True))
        from_blockers = dict(zip(blockers, reach(users, blockers, errs), strict=True))
        return (
            {position: found.levels for position, found in (from_candidates | from_blockers).items()},
            {position: found.counted for position, found in from_candidates.items()},
            {position: found.counted for position, found in from_blockers.items()},
        )


def _first_error(clause: Clause, states: Sequence[PackageState | None]) -> Option:
    """Of a clause without hope, what speaks for it: its first alternative that exists, by its least grave provider."""
    first = clause[0].alternative
    same_name = [option for option in clause if option.alternative == first]
    return min(same_name, key=lambda option: ERRORS.index(states[option.target]))


def _indexes(choices: Sequence[Option | None]) -> tuple[int, ...]:
    indexes = tuple(0 if option is None else option.alternative for option in choices)
    return indexes if any(indexes) else ()
