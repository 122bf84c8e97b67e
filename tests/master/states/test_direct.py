"""What a result changes at once never contradicts what a whole evaluation finds later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.master.states.direct import reconsider
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.evaluations import Neighbourhood
from piufarm.store.model import ComputedState, ForeignSection, Node
from tests.master.states.drawn import World, worlds
from tests.master.states.worlds import computed, packages

READY = PackageState.WAITING_TO_BE_TESTED
WAITS = PackageState.WAITING_FOR_DEPENDENCY

_SHOWS = {
    Outcome.PASS: PackageState.SUCCESSFULLY_TESTED,
    Outcome.FAIL: PackageState.FAILED_TESTING,
    Outcome.UNTESTABLE: PackageState.CANNOT_BE_TESTED,
}


@dataclass
class _Farm:
    """A section whose results come in one after the other."""

    nodes: dict[str, Node]
    others: Sequence[ForeignSection] = ()

    def evaluate(self) -> dict[str, ComputedState]:
        found = computed(list(self.nodes.values()), self.others)
        return {name: found.get(name, node.stored) for name, node in self.nodes.items()}

    def store(self, states: dict[str, ComputedState]) -> None:
        for name, state in states.items():
            self.nodes[name] = self.nodes[name]._replace(stored=state)

    def report(self, name: str, outcome: Outcome) -> dict[str, ComputedState]:
        """A result as the store enters it, and what it changes at once."""
        node = self.nodes[name]
        shown = node.stored.state if node.stored.state is PackageState.OUTDATED else _SHOWS[outcome]
        self.nodes[name] = node._replace(outcome=outcome, stored=node.stored._replace(state=shown))
        around = self._neighbourhood(name)
        found = {str(user): state for user, state in reconsider(around).items()}
        if outcome is Outcome.PASS:
            hopeful = reconsider(around, passed=True)
            assert hopeful.items() <= found.items()
            assert {user for user in found if found[user].state is PackageState.WAITING_TO_BE_TESTED} <= set(hopeful)
        self.store(found)
        return found

    def _neighbourhood(self, name: str) -> Neighbourhood:
        names = {name, *(provided.name for provided in self.nodes[name].provides)}
        dependents = [
            node
            for node in self.nodes.values()
            if node.name != name and any(wanted.name in names for clause in node.depends for wanted in clause)
        ]
        among = {node.name for node in dependents}
        options = [node._replace(depends=()) for node in self.nodes.values() if node.name not in among]
        return Neighbourhood(1, 1, dependents, options, alone=not self.others)


def _farm(*lines: str, **named: str) -> _Farm:
    farm = _Farm({node.name: node for node in packages(*lines, **named)})
    farm.store(farm.evaluate())
    return farm


@given(worlds(), st.data())
@settings(max_examples=300)
def test_what_changes_at_once_is_what_the_evaluation_would_say(archive: World, data: st.DataObject) -> None:
    farm = _Farm({node.name: node for node in archive.nodes}, archive.others)
    farm.store(farm.evaluate())
    for _ in range(data.draw(st.integers(1, 4))):
        found = farm.report(data.draw(st.sampled_from(sorted(farm.nodes))), data.draw(st.sampled_from(Outcome)))
        whole = farm.evaluate()
        assert {name: state.state for name, state in found.items()} == {name: whole[name].state for name in found}
        if data.draw(st.booleans()):
            farm.store(whole)


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        (["a", "u -> a"], READY),
        (["a", "u -> a (>= 1)"], READY),
        (["a=2", "u -> a (>= 1)"], READY),
        (["a (virt)", "u -> virt"], READY),
        (["a (virt (= 2))", "u -> virt (>= 1)"], READY),
        (["b", "a", "u -> b | a"], READY),
        (["a", "u -> a, kbdcontrol, libc6:i386"], READY),
        (["a", "u -> gone | a"], READY),
        (["a (virt)", "u (virt) -> a, virt"], READY),
        (["a", "b", "u -> a, b"], WAITS),
        (["a", "v -> u, a", "u -> v, a"], WAITS),  # they could be tested together: the evaluation sees to it
    ],
)
def test_a_pass_sets_free_what_waited_for_nothing_else(lines: list[str], state: PackageState) -> None:
    farm = _farm(*lines)
    assert farm.nodes["u"].stored.state is WAITS
    found = farm.report("a", Outcome.PASS)
    assert farm.nodes["u"].stored.state is state
    assert ("u" in found) is (state is READY)


def test_what_is_set_free_says_so_and_has_a_weight() -> None:
    farm = _farm("a", "b", "u -> b | a", "w -> u", "x -> w", "y -> u")
    farm.report("a", Outcome.PASS)
    free = farm.nodes["u"].stored
    assert free == ComputedState(READY, "can be tested: everything that it depends on is good", 3, 2, 0, (1,))
    assert farm.evaluate()["u"] == free._replace(waiting=3)
    assert farm.nodes["w"].stored.state is WAITS


@pytest.mark.parametrize(
    ("lines", "outcome", "state", "reason"),
    [
        (["a", "u -> a"], Outcome.FAIL, PackageState.DEPENDENCY_FAILED, "depends on a, which failed its test"),
        (
            ["a", "u -> a (>= 1)"],
            Outcome.UNTESTABLE,
            PackageState.DEPENDENCY_CANNOT_BE_TESTED,
            "depends on a, which could not be tested",
        ),
        (
            ["a (virt)", "u -> virt"],
            Outcome.FAIL,
            PackageState.DEPENDENCY_FAILED,
            "depends on virt (provided by a), which failed its test",
        ),
    ],
)
def test_a_failure_blocks_what_has_no_other_choice(
    lines: list[str], outcome: Outcome, state: PackageState, reason: str
) -> None:
    farm = _farm(*lines)
    farm.report("a", outcome)
    assert (farm.nodes["u"].stored.state, farm.nodes["u"].stored.reason) == (state, reason)
    assert farm.evaluate()["u"] == farm.nodes["u"].stored


@pytest.mark.parametrize(
    "lines", [["a", "b", "u -> a | b"], ["a (v)", "b (v)", "u -> v"], ["a", "u -> a | libc6:i386, b", "b"]]
)
def test_a_failure_blocks_nothing_that_has_another_choice(lines: list[str]) -> None:
    farm = _farm(*lines)
    assert farm.report("a", Outcome.FAIL) == {}


def test_a_repeated_test_that_passes_sets_free_what_was_blocked() -> None:
    farm = _farm("a", "u -> a", failed="a")
    assert farm.nodes["u"].stored.state is PackageState.DEPENDENCY_FAILED
    farm.report("a", Outcome.PASS)
    assert farm.nodes["u"].stored.state is READY


def test_a_missing_dependency_stays_missing_whatever_else_passes() -> None:
    farm = _farm("a", "b", "u -> a, b (>= 2)", failed="a", passed="b")
    assert farm.nodes["u"].stored.state is PackageState.DEPENDENCY_FAILED
    found = farm.report("a", Outcome.PASS)
    assert found["u"].state is PackageState.DEPENDENCY_DOES_NOT_EXIST
    assert found["u"].reason == "depends on b (>= 2), which is not in the archive"
