"""Why a package is in its state, in one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from piufarm.master.states.graph import SATISFIED, Clause, Option
from piufarm.master.states.rules import DIRECT, PROPAGATED, WAITING
from piufarm.names import Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import Node, Relation, outcome_reason

_NAMED: Final = 3  # packages that a sentence names before it only counts


@dataclass(frozen=True)
class Reasons:
    """A finished computation, to be put into words."""

    nodes: Sequence[Node]
    clauses: Sequence[Sequence[Clause]]
    states: Sequence[PackageState | None]
    chosen: Sequence[Sequence[Option | None]]
    cycle: Mapping[int, Sequence[int]]

    def of(self, position: int) -> str:
        """The sentence of one package."""
        node = self.nodes[position]
        state = self.states[position]
        if not node.listed:
            return self._outside(node)
        if state is PackageState.WAITING_TO_BE_TESTED:
            return self._ready(position)
        if state is PackageState.WAITING_FOR_DEPENDENCY:
            return f"waits for {_enumerated(self._pending(position))}"
        if state is PackageState.DEPENDENCY_DOES_NOT_EXIST:
            return self._missing(position)
        if node.outcome is not None and state is DIRECT[node.outcome]:
            return outcome_reason(node.outcome, Version(node.version))
        return self._blocked(position)

    def _outside(self, node: Node) -> str:
        if node.outcome is Outcome.FAIL:
            return outcome_reason(node.outcome, Version(node.version))
        return "not tested in this section, taken as good"

    def _ready(self, position: int) -> str:
        others = [self.nodes[member].name for member in self.cycle.get(position, ()) if member != position]
        if others:
            return f"can be tested, together with {_enumerated(others)} in a dependency cycle"
        return "can be tested: everything that it depends on is good"

    def _pending(self, position: int) -> list[str]:
        """What it waits for, those outside its own cycle: the others do not hold it."""
        together = set(self.cycle.get(position, ()))
        return [
            self.nodes[option.target].name
            for option in self.chosen[position]
            if option is not None
            and option.target != SATISFIED
            and option.target not in together
            and self.states[option.target] in WAITING
        ]

    def _missing(self, position: int) -> str:
        for clause, names in zip(self.clauses[position], self.nodes[position].depends, strict=True):
            if not clause:
                alternatives = " | ".join(map(str, names))
                return f"depends on {alternatives}, which {'is' if len(names) == 1 else 'are all'} not in the archive"
        raise AssertionError(f"nothing is missing for {self.nodes[position].name}")

    def _blocked(self, position: int) -> str:
        for option, names in zip(self.chosen[position], self.nodes[position].depends, strict=True):
            if option is not None and option.target != SATISFIED:
                state = self.states[option.target]
                if PROPAGATED.get(state) is self.states[position]:
                    return f"depends on {self._named(option, names)}, which is {state}"
        raise AssertionError(f"nothing blocks {self.nodes[position].name}")

    def _named(self, option: Option, alternatives: Sequence[Relation]) -> str:
        target, mentioned = self.nodes[option.target].name, alternatives[option.alternative].name
        return target if target == mentioned else f"{mentioned} (provided by {target})"


def _enumerated(names: Sequence[str]) -> str:
    ordered = sorted(set(names))
    if len(ordered) > _NAMED:
        return f"{', '.join(ordered[: _NAMED - 1])} and {len(ordered) - _NAMED + 1} others"
    return " and ".join(filter(None, (", ".join(ordered[:-1]), ordered[-1])))
