"""Rules that hold in any archive, however odd, and the graph algorithms against slow and obvious ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from piufarm.master.states.components import components
from piufarm.master.states.evaluation import evaluate
from piufarm.master.states.graph import Graph
from piufarm.master.states.reach import Reach, reach
from piufarm.master.states.solution import solve
from piufarm.master.states.weights import Weights
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ForeignSection, Snapshot
from tests.master.states.drawn import World, worlds
from tests.master.states.slow import SlowStates
from tests.master.states.worlds import computed, states


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


@given(worlds())
def test_every_package_gets_a_state_and_a_reason(archive: World) -> None:
    found = computed(archive.nodes, archive.others)
    assert set(found) == {one.name for one in archive.nodes}
    for one in found.values():
        assert one.state is not PackageState.UNKNOWN
        assert one.reason


@given(worlds(), st.data())
def test_the_order_of_the_packages_does_not_matter(archive: World, data: st.DataObject) -> None:
    nodes = data.draw(st.permutations(archive.nodes))
    others = [ForeignSection(other.name, data.draw(st.permutations(other.packages))) for other in archive.others]
    assert computed(nodes, others) == computed(archive.nodes, archive.others)


@given(worlds(others=False))
def test_as_long_as_packages_wait_there_is_one_to_test(archive: World) -> None:
    found = [state.state for state in computed(archive.nodes).values()]
    if PackageState.WAITING_FOR_DEPENDENCY in found:
        assert PackageState.WAITING_TO_BE_TESTED in found


@given(worlds())
def test_a_second_evaluation_finds_nothing_to_change(archive: World) -> None:
    found = computed(archive.nodes, archive.others)
    again = [one._replace(stored=found[one.name]) for one in archive.nodes]
    assert evaluate(Snapshot(1, 1, again, archive.others)) == {}


@given(worlds(others=False))
def test_a_farm_that_passes_everything_gets_to_its_end(archive: World) -> None:
    nodes = archive.nodes
    for _ in range(len(nodes) + 1):
        found = computed(nodes)
        ready = {name for name, state in found.items() if state.state is PackageState.WAITING_TO_BE_TESTED}
        nodes = [one._replace(outcome=Outcome.PASS) if one.name in ready else one for one in nodes]
    assert PackageState.WAITING_FOR_DEPENDENCY not in {state.state for state in computed(nodes).values()}


@given(worlds())
def test_no_more_packages_are_thought_to_wait_than_do(archive: World) -> None:
    solution = solve(Graph(Snapshot(1, 1, archive.nodes, archive.others)), [one.outcome for one in archive.nodes])
    weights = Weights(solution)
    waiting = [member for component in solution.waiting for member in component]
    exact = weights.of_candidates(waiting)
    for position, weight in weights.all().items():
        if position in exact:
            assert weight.waiting <= exact[position].waiting
            assert weight.chain >= 1


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
    counted = data.draw(st.sets(st.integers(0, len(edges) - 1)))
    sources = data.draw(st.lists(st.integers(0, len(edges) - 1), unique=True))
    expected = {}
    for source in sources:
        distances = _distances(edges, source)
        others = sum(other in counted for other in distances if other != source)
        expected[source] = Reach(max(distances.values()) + 1, others)
    assert reach(edges, sources, counted) == expected
    assert reach(edges, sources, counted, alone=data.draw(st.integers(0, 4))) == expected


def test_more_sources_than_fit_into_one_search_are_no_problem() -> None:
    size = 5000
    star = [[0] if number else [] for number in range(size)]
    assert reach(star, range(1, size), set(range(size)), alone=0) == {node: Reach(2, 1) for node in range(1, size)}


@given(worlds())
def test_states_are_those_that_the_rules_say_when_they_are_applied_one_by_one(archive: World) -> None:
    assert states(computed(archive.nodes, archive.others)) == SlowStates(archive.nodes, archive.others).find()
