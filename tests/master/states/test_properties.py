"""Rules that hold in any archive, however odd, and the graph algorithms against slow and obvious ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from piufarm.master.states.components import components
from piufarm.master.states.evaluation import evaluate
from piufarm.master.states.reach import Reach, reach
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import Node, Snapshot
from tests.master.states.worlds import computed, node

_NAMES = [f"p{number}" for number in range(8)]
_CLAUSES = st.lists(st.lists(st.sampled_from([*_NAMES, "virt", "gone"]), min_size=1, max_size=3), max_size=4)


@st.composite
def _nodes(draw: st.DrawFn) -> list[Node]:
    nodes = []
    for name in _NAMES[: draw(st.integers(1, len(_NAMES)))]:
        clauses = ", ".join(" | ".join(clause) for clause in draw(_CLAUSES))
        provides = "(virt)" if draw(st.booleans()) else ""
        outcome = draw(st.sampled_from([None, None, *Outcome]))
        nodes.append(node(f"{name} {provides} -> {clauses}", outcome, listed=draw(st.integers(0, 5)) > 0))
    return nodes


@st.composite
def _edges(draw: st.DrawFn) -> list[list[int]]:
    size = draw(st.integers(1, 9))
    return [draw(st.lists(st.integers(0, size - 1), max_size=4)) for _ in range(size)]


def _distances(edges: list[list[int]], source: int) -> dict[int, int]:
    distances = {source: 0}
    queue = [source]
    for here in queue:
        for there in edges[here]:
            if there not in distances:
                distances[there] = distances[here] + 1
                queue.append(there)
    return distances


@given(_nodes())
def test_every_package_gets_a_state_and_a_reason(nodes: list[Node]) -> None:
    states = computed(nodes)
    assert set(states) == {one.name for one in nodes}
    for state in states.values():
        assert state.state is not PackageState.UNKNOWN
        assert state.reason


@given(_nodes(), st.data())
def test_the_order_of_the_packages_does_not_matter(nodes: list[Node], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(nodes))
    assert {name: one.state for name, one in computed(shuffled).items()} == {
        name: one.state for name, one in computed(nodes).items()
    }


@given(_nodes())
def test_as_long_as_packages_wait_there_is_one_to_test(nodes: list[Node]) -> None:
    states = [state.state for state in computed(nodes).values()]
    if PackageState.WAITING_FOR_DEPENDENCY in states:
        assert PackageState.WAITING_TO_BE_TESTED in states


@given(_nodes())
def test_a_second_evaluation_finds_nothing_to_change(nodes: list[Node]) -> None:
    states = computed(nodes)
    again = [one._replace(stored=states[one.name]) for one in nodes]
    assert evaluate(Snapshot(1, 1, again)) == {}


@given(_nodes())
def test_a_farm_that_passes_everything_gets_to_its_end(nodes: list[Node]) -> None:
    for _ in range(len(nodes) + 1):
        states = computed(nodes)
        ready = {name for name, state in states.items() if state.state is PackageState.WAITING_TO_BE_TESTED}
        nodes = [one._replace(outcome=Outcome.PASS) if one.name in ready else one for one in nodes]
    assert PackageState.WAITING_FOR_DEPENDENCY not in {state.state for state in computed(nodes).values()}


@given(_edges())
def test_components_are_the_sets_of_nodes_that_reach_each_other(edges: list[list[int]]) -> None:
    found = components(edges, range(len(edges)))
    assert sorted(member for component in found for member in component) == list(range(len(edges)))
    reachable = [set(_distances(edges, source)) for source in range(len(edges))]
    for component in found:
        assert set(component) == {
            other for other in reachable[component[0]] if component[0] in reachable[other]
        }
    position = {member: index for index, component in enumerate(found) for member in component}
    for source, targets in enumerate(edges):
        assert all(position[target] <= position[source] for target in targets)


def test_a_chain_longer_than_pythons_stack_is_no_problem() -> None:
    chain = [[number + 1] for number in range(20_000)] + [[]]
    assert len(components(chain, [0])) == 20_001


@given(_edges(), st.data())
def test_reach_counts_as_a_search_from_each_node_would(edges: list[list[int]], data: st.DataObject) -> None:
    counted = data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges)))
    sources = data.draw(st.lists(st.integers(0, len(edges) - 1), unique=True))
    expected = []
    for source in sources:
        distances = _distances(edges, source)
        others = sum(counted[other] for other in distances if other != source)
        expected.append(Reach(max(distances.values()) + 1, others))
    assert reach(edges, sources, counted) == expected


def test_more_sources_than_fit_into_one_search_are_no_problem() -> None:
    size = 5000
    star = [[0] if number else [] for number in range(size)]
    assert reach(star, range(1, size), [True] * size) == [Reach(2, 1)] * (size - 1)
