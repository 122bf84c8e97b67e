"""What the computation of states reads: results, other sections, changes, and the neighbours of a result."""

from __future__ import annotations

from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.evaluations import Neighbourhood
from piufarm.store.model import ComputedState, IndexPackage, Store
from piufarm.store.sql.store import SqlStore
from tests.core.store.builders import NOON, SID, fill, package, result

EXP = SectionName("exp")
_WAITS = ComputedState(PackageState.WAITING_FOR_DEPENDENCY, "waits")
_READY = ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready")


def _fill(store: Store, section: SectionName, *packages: IndexPackage, **states: ComputedState) -> None:
    store.replace_packages(
        section, packages, index_digest="", now=NOON, states={Package(name): state for name, state in states.items()},
        evaluated=store.circumstances(section),
    )  # fmt: skip


def _evaluate(store: Store, section: SectionName, **states: ComputedState) -> None:
    found = {Package(name): state for name, state in states.items()}
    store.set_states(section, found, evaluated=store.snapshot(section))


def test_the_circumstances_are_the_current_results_and_the_marks(store: Store) -> None:
    fill(store, package("a"), package("b"))
    store.record_run(SID, result("a", outcome=Outcome.FAIL))
    store.record_run(SID, result("gone", "3"))
    store.queue_recycle(SID, [Package("a")], now=NOON)
    known = store.circumstances(SID)
    assert known.outcomes == {("a", "1"): Outcome.FAIL, ("gone", "3"): Outcome.PASS}
    assert set(known.recycled) == {("a", "1")}
    assert known.counter == store.change_counter(SID)


def test_a_snapshot_holds_the_sections_that_are_looked_into_in_their_order(store: Store) -> None:
    other = SectionName("other")
    _fill(store, SID, package("a", "2", provides="v"), a=_WAITS)
    _fill(store, other, package("b"))
    store.record_run(other, result("b"))
    _fill(store, EXP, package("e"))
    store.look_into(EXP, [other, SectionName("never-refreshed"), SID])
    b, a = store.snapshot(EXP).others
    assert (b.name, [(found.name, found.outcome) for found in b.packages]) == (other, [("b", Outcome.PASS)])
    (found,) = a.packages
    assert (a.name, found.name, found.version, found.state) == (SID, "a", "2", PackageState.WAITING_FOR_DEPENDENCY)
    assert [provided.name for provided in found.provides] == ["v"]
    assert store.circumstances(EXP).others == store.snapshot(EXP).others


def test_an_evaluation_is_due_when_states_of_a_section_that_is_looked_into_have_changed(store: Store) -> None:
    _fill(store, SID, package("a"))
    _fill(store, EXP, package("e"))
    store.look_into(EXP, [SID])
    assert store.evaluation_due(EXP)
    _evaluate(store, EXP)
    assert not store.evaluation_due(EXP)
    store.record_run(SID, result("a"))
    assert store.evaluation_due(EXP)
    _evaluate(store, EXP)
    assert not store.evaluation_due(EXP)
    _evaluate(store, SID)
    assert not store.evaluation_due(EXP), "nothing has changed"
    _evaluate(store, SID, a=_WAITS)
    assert store.evaluation_due(EXP)
    assert not store.evaluation_due(SID)


def test_sections_to_look_into_that_stay_the_same_are_no_change(store: Store) -> None:
    _fill(store, EXP, package("e"))
    store.look_into(EXP, [])
    assert not store.evaluation_due(EXP)
    store.look_into(EXP, [SID])
    _evaluate(store, EXP)
    store.look_into(EXP, [SID])
    assert not store.evaluation_due(EXP)


def test_a_snapshot_is_brought_up_to_date_by_what_has_changed_since(store: Store) -> None:
    _fill(store, SID, package("a"), package("b"), package("c"))
    snapshot = store.snapshot(SID)
    store.record_run(SID, result("a", outcome=Outcome.FAIL))
    changes = store.changes_since(SID, snapshot)
    assert changes is not None
    known, stored = changes
    assert known.outcomes == {("a", "1"): Outcome.FAIL}
    assert {name: computed.state for name, computed in stored.items()} == {"a": PackageState.FAILED_TESTING}
    assert known.counter == store.change_counter(SID)


def test_other_packages_or_other_states_elsewhere_are_more_than_a_change(store: Store) -> None:
    _fill(store, SID, package("a"))
    _fill(store, EXP, package("e"))
    store.look_into(EXP, [SID])
    _evaluate(store, EXP)
    snapshot = store.snapshot(EXP)
    assert store.changes_since(EXP, snapshot) is not None
    store.record_run(SID, result("a"))
    assert store.changes_since(EXP, snapshot) is None
    snapshot = store.snapshot(EXP)
    _fill(store, EXP, package("e"))
    assert store.changes_since(EXP, snapshot) is None


def test_states_that_a_crash_of_the_database_has_undone_are_more_than_a_change(store: Store) -> None:
    assert isinstance(store, SqlStore)
    _fill(store, SID, package("a"))
    store.record_run(SID, result("a"))
    snapshot = store.snapshot(SID)
    _evaluate(store, SID)
    assert store.changes_since(SID, snapshot) is not None
    with store._database.write() as cursor:
        cursor.execute("UPDATE section SET evaluated = evaluated - 1")
    assert store.changes_since(SID, snapshot) is None


def _around(store: Store, name: str, section: SectionName = SID) -> Neighbourhood:
    around = store.neighbourhood(section, Package(name), limit=10)
    assert around is not None
    return around


def _hopeful(store: Store, name: str) -> list[str]:
    """What depends on a package and can perhaps be tested once this has passed."""
    around = store.neighbourhood(SID, Package(name), limit=100, passed=True)
    assert around is not None
    return [node.name for node in around.dependents]


def test_a_neighbourhood_holds_those_that_depend_on_a_package_or_on_what_it_provides(store: Store) -> None:
    _fill(
        store, SID, package("a", provides="v"), package("p", provides="v"), package("x", depends="a | z, !y"),
        package("w", depends="v"), package("y"), package("far", depends="x"), x=_WAITS, w=_WAITS, far=_WAITS,
    )  # fmt: skip
    around = _around(store, "a")
    assert [node.name for node in around.dependents] == ["w", "x"]
    assert [node.name for node in around.options] == ["a", "p", "y"]
    assert [[wanted.name for wanted in clause] for clause in around.dependents[1].depends] == [["a", "z"], ["y"]]
    assert around.options[0].stored.state is PackageState.UNKNOWN
    assert around.alone


def test_a_package_may_be_called_null(store: Store) -> None:
    _fill(store, SID, package("null"), package("x", depends="null"), x=_WAITS)
    assert [node.name for node in _around(store, "null").options] == ["null"]


def test_what_no_dependency_can_change_is_in_no_neighbourhood(store: Store) -> None:
    _fill(store, SID, package("a"), package("x", depends="a"), package("out", depends="a", listed=False), x=_WAITS)
    store.record_run(SID, result("x", outcome=Outcome.FAIL))
    assert _around(store, "a").dependents == []
    assert _around(store, "gone").dependents == []


def test_of_a_pass_those_are_left_out_that_surely_wait_for_another_package(store: Store) -> None:
    _fill(
        store, SID, package("a"), package("b"), package("c"), package("p", provides="c"), package("x", depends="a, b"),
        package("y", depends="a, b | gone"), package("z", depends="a, c"), package("self", depends="a, self"),
        a=_WAITS, b=_WAITS, c=_WAITS, x=_WAITS, y=_WAITS, z=_WAITS, self=_WAITS,
    )  # fmt: skip
    store.record_run(SID, result("a"))
    assert _hopeful(store, "a") == ["self", "y", "z"]  # for there may be another way
    assert [node.name for node in _around(store, "a").dependents] == ["self", "x", "y", "z"]
    store.record_run(SID, result("b"))
    assert "x" in _hopeful(store, "a")


def test_what_a_package_was_last_seen_to_wait_for_is_asked_about_however_few_need_it(store: Store) -> None:
    numbers = range(40)
    users = {f"user{number}": _WAITS._replace(blocker=f"rare{number}") for number in numbers}
    rare = {f"rare{number}": _WAITS for number in numbers}
    needs = [package(name, depends=f"{state.blocker}, a") for name, state in users.items()]
    _fill(store, SID, package("a"), *map(package, rare), *needs, a=_WAITS, **rare, **users)
    assert _hopeful(store, "a") == []


def test_a_neighbourhood_that_is_too_large_is_none(store: Store) -> None:
    users = [package(f"user{number}", depends="a") for number in range(11)]
    _fill(store, SID, package("a"), *users)
    assert store.neighbourhood(SID, Package("a"), limit=10) is None
    assert store.neighbourhood(SID, Package("a"), limit=11) is not None


def test_names_that_are_looked_up_elsewhere_are_left_to_the_whole_computation(store: Store) -> None:
    outdated = ComputedState(PackageState.OUTDATED, "another section has a newer one")
    _fill(
        store, EXP, package("a"), package("old"), package("x", depends="a, elsewhere"), package("y", depends="a"),
        package("z", depends="a, old"), old=outdated, x=_WAITS, y=_WAITS, z=_WAITS,
    )  # fmt: skip
    store.look_into(EXP, [SID])
    around = _around(store, "a", EXP)
    assert [node.name for node in around.dependents] == ["y"]
    assert not around.alone


def test_what_a_neighbourhood_has_changed_gives_way_to_later_results_and_outlives_earlier_computations(
    store: Store,
) -> None:
    _fill(store, SID, package("a"), package("b", depends="a"), b=_WAITS)
    earlier = store.snapshot(SID)
    store.record_run(SID, result("a"))
    around = _around(store, "a")
    store.reconsidered(SID, {Package("b"): _READY}, around=around)
    store.set_states(SID, {Package("b"): _WAITS}, evaluated=earlier)
    assert [row.state for row in store.packages(SID)][1] is PackageState.WAITING_TO_BE_TESTED
    store.record_run(SID, result("b", outcome=Outcome.FAIL))
    store.reconsidered(SID, {Package("b"): _READY}, around=around)
    assert [row.state for row in store.packages(SID)][1] is PackageState.FAILED_TESTING


def test_a_neighbourhood_that_is_written_after_a_newer_computation_is_computed_again(store: Store) -> None:
    _fill(store, SID, package("a"), package("b", depends="a"), b=_WAITS)
    store.record_run(SID, result("a"))
    around = _around(store, "a")
    _evaluate(store, SID)
    kept = store.snapshot(SID)
    store.reconsidered(SID, {Package("b"): _READY}, around=around)
    assert store.evaluation_due(SID)
    changes = store.changes_since(SID, kept)
    assert changes is not None
    assert changes[1]["b"].state is _READY.state


def _look_into_sid(store: Store) -> None:
    _fill(store, SID, package("a"))
    _fill(store, EXP, package("e"))
    store.look_into(EXP, [SID])
    _evaluate(store, EXP)
    assert not store.evaluation_due(EXP)


def test_a_snapshot_that_knows_less_of_another_section_than_the_last_computation_is_computed_again(
    store: Store,
) -> None:
    _look_into_sid(store)
    known = store.circumstances(EXP)
    store.record_run(SID, result("a"))
    _evaluate(store, EXP)
    store.replace_packages(EXP, [package("e")], index_digest="new", now=NOON, states={}, evaluated=known)
    assert store.evaluation_due(EXP)


def test_a_computation_for_packages_that_have_been_replaced_says_nothing_of_the_new_ones(store: Store) -> None:
    _look_into_sid(store)
    known = store.circumstances(EXP)
    store.record_run(SID, result("a"))
    replaced = store.snapshot(EXP)
    store.replace_packages(EXP, [package("e")], index_digest="new", now=NOON, states={}, evaluated=known)
    store.set_states(EXP, {Package("e"): _WAITS}, evaluated=replaced)
    assert store.evaluation_due(EXP)


def test_results_in_a_section_that_has_no_packages_yet_make_nothing_due_elsewhere(store: Store) -> None:
    store.record_run(SID, result("a"))
    _fill(store, EXP, package("e"))
    store.look_into(EXP, [SID])
    _evaluate(store, EXP)
    assert not store.evaluation_due(EXP)
    _fill(store, SID, package("a"))
    assert store.evaluation_due(EXP)


def test_versions_are_those_to_be_tested_of_listed_packages(store: Store) -> None:
    fill(store, package("a", "2"), package("b", listed=False))
    assert store.versions(SID) == {"a": "2"}
