"""Writing computed states back while results keep coming in."""

from __future__ import annotations

from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Store
from tests.core.store.builders import NOON, SID, fill, make_candidates, package, result

_WAITING = ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready", 2, 1)


def _state(store: Store, name: str) -> PackageState:
    row = store.package(SID, Package(name))
    assert row is not None
    return row.state


def test_a_snapshot_makes_an_evaluation_due_until_one_was_done(store: Store) -> None:
    fill(store, package("a"))
    assert store.evaluation_due(SID)
    store.set_states(SID, {}, evaluated=store.snapshot(SID))
    assert not store.evaluation_due(SID)


def test_a_result_makes_an_evaluation_due_and_shows_at_its_own_package_at_once(store: Store) -> None:
    fill(store, package("a"), package("b"), package("c"))
    make_candidates(store, a=1, b=1, c=1)
    before = store.change_counter(SID)
    store.record_run(SID, result("a", outcome=Outcome.PASS))
    store.record_run(SID, result("b", outcome=Outcome.FAIL))
    store.record_run(SID, result("c", outcome=Outcome.UNTESTABLE))
    assert store.evaluation_due(SID)
    assert store.change_counter(SID) > before
    assert _state(store, "a") is PackageState.SUCCESSFULLY_TESTED
    assert _state(store, "b") is PackageState.FAILED_TESTING
    assert _state(store, "c") is PackageState.CANNOT_BE_TESTED


def test_what_is_outdated_stays_so_whatever_a_test_of_it_says(store: Store) -> None:
    fill(store, package("a"))
    outdated = ComputedState(PackageState.OUTDATED, "the section one has a newer version, 2")
    store.set_states(SID, {Package("a"): outdated}, evaluated=store.snapshot(SID))
    store.record_run(SID, result("a", outcome=Outcome.PASS))
    assert _state(store, "a") is PackageState.OUTDATED
    assert store.evaluation_due(SID)


def test_an_evaluation_never_overwrites_a_result_that_came_after_its_start(store: Store) -> None:
    fill(store, package("a"), package("b"))
    snapshot = store.snapshot(SID)
    store.record_run(SID, result("a", outcome=Outcome.FAIL))
    store.set_states(SID, {Package("a"): _WAITING, Package("b"): _WAITING}, evaluated=snapshot)
    assert _state(store, "a") is PackageState.FAILED_TESTING
    assert _state(store, "b") is PackageState.WAITING_TO_BE_TESTED
    assert store.evaluation_due(SID)


def test_a_slower_evaluation_that_overwrites_what_a_later_one_wrote_makes_another_one_due(store: Store) -> None:
    fill(store, package("a"), package("b"))
    earlier = store.snapshot(SID)
    store.record_run(SID, result("a"))
    later = store.snapshot(SID)
    store.set_states(SID, {Package("b"): _WAITING._replace(reason="later")}, evaluated=later)
    store.set_states(SID, {Package("b"): _WAITING._replace(reason="earlier")}, evaluated=earlier)
    assert store.evaluation_due(SID)


def test_a_slower_evaluation_that_has_nothing_to_write_makes_none_due(store: Store) -> None:
    fill(store, package("a"))
    earlier = store.snapshot(SID)
    store.record_run(SID, result("a"))
    store.set_states(SID, {}, evaluated=store.snapshot(SID))
    store.set_states(SID, {}, evaluated=earlier)
    assert not store.evaluation_due(SID)


def test_an_evaluation_of_an_older_snapshot_writes_nothing(store: Store) -> None:
    fill(store, package("a"))
    snapshot = store.snapshot(SID)
    fill(store, package("a"))
    store.set_states(SID, {Package("a"): _WAITING}, evaluated=snapshot)
    assert _state(store, "a") is PackageState.UNKNOWN
    assert store.evaluation_due(SID)


def test_a_snapshot_holds_what_the_computation_needs(store: Store) -> None:
    fill(store, package("a", "2", depends="b | c, !d", provides="v w"), package("b"))
    store.record_run(SID, result("a", "1", Outcome.FAIL))  # of another version: says nothing about this one
    store.record_run(SID, result("b", "1", Outcome.FAIL))
    snapshot = store.snapshot(SID)
    a, b = snapshot.nodes
    assert (a.name, a.version, a.archive_version) == ("a", "2", "2")
    assert [[wanted.name for wanted in clause] for clause in a.depends] == [["b", "c"], ["d"]]
    assert [provided.name for provided in a.provides] == ["v", "w"]
    assert a.outcome is None
    assert b.outcome is Outcome.FAIL
    assert b.stored.state is PackageState.FAILED_TESTING
    assert snapshot.counter == store.change_counter(SID)


def test_computed_states_are_read_back(store: Store) -> None:
    fill(store, package("a", depends="x | y"))
    computed = ComputedState(PackageState.DEPENDENCY_FAILED, "depends on y, which failed", 4, 7, 9, (1,))
    store.set_states(SID, {Package("a"): computed}, evaluated=store.snapshot(SID))
    row = store.package(SID, Package("a"))
    assert row is not None
    assert (row.state, row.reason, row.chain, row.waiting, row.blocked) == computed[:5]
    assert store.snapshot(SID).nodes[0].stored == computed
    assert [found.name for found in store.packages(SID, PackageState.DEPENDENCY_FAILED)] == ["a"]
    assert list(store.packages(SID, PackageState.UNKNOWN)) == []


def test_counts_name_all_states_and_add_up(store: Store) -> None:
    fill(store, package("a"), package("b"), package("c"))
    make_candidates(store, a=1, b=1)
    counts = store.counts(SID)
    assert set(counts) == set(PackageState)
    assert counts[PackageState.WAITING_TO_BE_TESTED] == 2
    assert counts[PackageState.UNKNOWN] == 1
    assert sum(counts.values()) == 3


def test_daily_counts_keep_the_last_of_a_day(store: Store) -> None:
    fill(store, package("a"))
    store.record_daily_counts(SID, NOON.date())
    make_candidates(store, a=1)
    store.record_daily_counts(SID, NOON.date())
    ((day, counts),) = store.daily_counts(SID)
    assert day == NOON.date()
    assert counts["waiting-to-be-tested"] == 1
    assert counts["unknown"] == 0
