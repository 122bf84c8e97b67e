"""Why a package is in its state, in one plain sentence."""

from __future__ import annotations

from collections.abc import Sequence

from piufarm.master.states.solution import Solution
from piufarm.master.states.wording import READY, TROUBLE, depends_on, enumerated, mention
from piufarm.names import Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import Node, Relation, outcome_reason


class Reasons:
    """A solution, put into words."""

    def __init__(self, solution: Solution) -> None:
        self._solution = solution
        self._graph = solution.graph
        self._roots: dict[int, int] = {}  # see _root

    def of(self, position: int) -> str:
        """The sentence of one package of the section."""
        node = self._graph.nodes[position]
        state = self._solution.states[position]
        if not node.listed:
            return self._outside(node)
        if position in self._solution.blamed:
            return self._inherited(position)
        if state is PackageState.WAITING_TO_BE_TESTED:
            return self._ready(position)
        if state is PackageState.WAITING_FOR_DEPENDENCY:
            return f"waits for {enumerated(self._awaited(position))}"
        if state is PackageState.OUTDATED:
            section, package = self._graph.names.outdated[position]
            return f"the section {section} has a newer version, {package.version}"
        return _result(node)

    def _outside(self, node: Node) -> str:
        return _result(node) if node.outcome is Outcome.FAIL else "not tested in this section, taken as good"

    def _ready(self, position: int) -> str:
        others = [self._graph.name(member) for member in self._solution.cycles.get(position, ()) if member != position]
        if others:
            return f"can be tested, together with {enumerated(others)} in a dependency cycle"
        return READY

    def _awaited(self, position: int) -> list[str]:
        """What it waits for, those outside its own cycle: the others do not hold it."""
        together = self._solution.cycles.get(position, ())
        return [self._described(target) for target in self._solution.pending(position) if target not in together]

    def _described(self, position: int) -> str:
        """The name, with its section if that is another one."""
        size = len(self._graph.nodes)
        if position < size:
            return self._graph.nodes[position].name
        section, package = self._graph.guests[position - size]
        return f"{package.name} (section {section})"

    def _inherited(self, position: int) -> str:
        """What it depends on directly, and where the trouble comes from."""
        first, root = self._link(position), self._root(position)
        if root == position:
            return depends_on(first, self._trouble(position))
        last = self._link(root)
        through = "" if self._culprit(position) == root else f"and through it on {self._described(root)}, "
        return depends_on(first, f"{through}which needs {last}, {self._trouble(root)}")

    def _root(self, position: int) -> int:
        """The last package of the chain of inherited errors that a package is in; each chain is walked once."""
        walked = []
        while position not in self._roots:
            walked.append(position)
            further = self._culprit(position)
            if further is None or further not in self._solution.blamed:
                self._roots[position] = position
            else:
                position = further
        root = self._roots[position]
        self._roots.update(dict.fromkeys(walked, root))
        return root

    def _culprit(self, position: int) -> int | None:
        """What the error of a package comes from; None if it is not there."""
        return self._solution.blocker(position)

    def _clause(self, position: int) -> Sequence[Relation]:
        blamed = self._graph.clauses[position].index(self._solution.blamed[position])
        return self._graph.nodes[position].depends[blamed]

    def _link(self, position: int) -> str:
        """The dependency that puts a package into error, as it is mentioned."""
        clause = self._clause(position)
        choice = self._solution.choices[self._solution.blamed[position]]
        if choice is None:
            return " | ".join(map(str, clause))
        wanted = clause[choice.alternative].name
        return mention(wanted, self._graph.name(choice.target), self._described(choice.target))

    def _trouble(self, position: int) -> str:
        """What is wrong with the last link of a chain."""
        culprit = self._culprit(position)
        if culprit is not None:
            return f"which {TROUBLE[self._solution.states[culprit]]}"
        return self._missing(self._clause(position))

    def _missing(self, clause: Sequence[Relation]) -> str:
        if len(clause) > 1:
            return "none of which is in the archive"
        (wanted,) = clause
        versions = self._graph.names.versions(wanted.name)
        if versions:
            return f"but the archive has {wanted.name} {' and '.join(versions)}"
        if self._graph.names.is_provided(wanted.name):
            return "but what provides it does so in no such version"
        return "which is not in the archive"


def _result(node: Node) -> str:
    assert node.outcome is not None
    return outcome_reason(node.outcome, Version(node.version))
