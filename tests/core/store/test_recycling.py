"""Testing again: what is marked, who gets it and when, and what becomes of the results until then."""

from __future__ import annotations

import pytest

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.attempts import NewTrouble
from piufarm.store.model import ComputedState, Standing, Store
from piufarm.trouble import TroubleKind
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result


def _tested(store: Store, **outcomes: Outcome) -> None:
    """Let the section hold these packages, each with a result of an hour of its own."""
    fill(store, *map(package, outcomes))
    for hour, (name, outcome) in enumerate(outcomes.items()):
        store.record_run(SID, result(name, outcome=outcome, run_id=f"old-{name}", at=NOON - (99 - hour) * HOUR))


def _mark(store: Store, *names: str, hours: int = 0) -> None:
    """Mark packages, and let the computation find that they can be tested."""
    store.queue_recycle(SID, map(Package, names), now=NOON + hours * HOUR)
    states = {
        Package(node.name): node.stored._replace(retestable=node.recycled) for node in store.snapshot(SID).nodes
    }
    store.set_states(SID, states, evaluated=store.snapshot(SID))


def _reserve(store: Store, slave: str = "worker1", *, retest: bool = True, hours: int = 0) -> str | None:
    now = NOON + hours * HOUR
    store.expire_reservations(SID, now=now, max_retries=3)
    found = store.reserve(SID, owner=slave, now=now, deadline=now + HOUR, retest=retest)
    return found.package if found else None


def _standings(store: Store, name: str) -> list[Standing]:
    return [run.standing for run in store.runs(SID, package=Package(name))]


def _state(store: Store, name: str) -> PackageState:
    row = store.package(SID, Package(name))
    assert row is not None
    return row.state


def test_marks_are_in_the_order_of_the_age_of_the_results(store: Store) -> None:
    _tested(store, b=Outcome.PASS, c=Outcome.FAIL, a=Outcome.PASS)
    assert store.queue_recycle(SID, map(Package, "abcabc"), now=NOON) == dict.fromkeys("bca", True)
    assert [mark.package for mark in store.recycle_queue(SID)] == ["b", "c", "a"]
    assert store.recycle_queue(SID)[0].queued_at == NOON
    assert store.has_recycle_queue(SID)


def test_only_what_the_section_has_can_be_marked_and_only_what_has_a_result_needs_it(store: Store) -> None:
    fill(store, package("untested"))
    assert store.queue_recycle(SID, map(Package, ("untested", "nonsense")), now=NOON) == {"untested": False}
    assert not store.has_recycle_queue(SID)


def test_a_package_that_is_marked_twice_keeps_its_first_mark(store: Store) -> None:
    _tested(store, a=Outcome.PASS)
    store.queue_recycle(SID, [Package("a")], now=NOON)
    store.queue_recycle(SID, [Package("a")], now=NOON + HOUR)
    assert [mark.queued_at for mark in store.recycle_queue(SID)] == [NOON]


def test_a_mark_makes_an_evaluation_due_and_shows_in_the_snapshot(store: Store) -> None:
    _tested(store, a=Outcome.PASS, b=Outcome.PASS)
    store.set_states(SID, {}, evaluated=store.snapshot(SID))
    assert not store.evaluation_due(SID)
    store.queue_recycle(SID, [Package("a")], now=NOON)
    assert store.evaluation_due(SID)
    assert {node.name: node.recycled for node in store.snapshot(SID).nodes} == {"a": True, "b": False}


def test_failures_come_before_passes_then_older_marks(store: Store) -> None:
    _tested(store, pass1=Outcome.PASS, fail1=Outcome.FAIL, pass2=Outcome.PASS, fail2=Outcome.UNTESTABLE)
    _mark(store, "pass2", "fail2")
    _mark(store, "pass1", "fail1", hours=1)
    assert [_reserve(store) for _ in range(5)] == ["fail2", "fail1", "pass2", "pass1", None]


def test_packages_that_others_wait_for_come_first_marked_or_not(store: Store) -> None:
    _tested(store, old=Outcome.FAIL)
    fill(store, package("old"), package("busy"), package("idle"))
    make_candidates(store, busy=5, idle=0)
    store.record_run(SID, result("old", outcome=Outcome.FAIL, run_id="again"))
    _mark(store, "old")
    assert [_reserve(store) for _ in range(4)] == ["busy", "idle", "old", None]


def test_marked_packages_are_handed_out_in_recycle_mode_only(store: Store) -> None:
    _tested(store, a=Outcome.PASS)
    _mark(store, "a")
    assert _reserve(store, retest=False) is None
    assert not store.has_candidate(SID, owner="worker1", now=NOON)
    assert store.has_candidate(SID, owner="worker1", now=NOON, retest=True)


def test_a_package_whose_dependencies_are_not_good_stays_marked(store: Store) -> None:
    _tested(store, a=Outcome.PASS)
    store.queue_recycle(SID, [Package("a")], now=NOON)  # and nobody finds that it can be tested
    assert _reserve(store) is None
    assert store.has_recycle_queue(SID)


def test_a_failure_is_history_when_it_is_handed_out_and_a_pass_when_the_new_result_is_there(store: Store) -> None:
    _tested(store, good=Outcome.PASS, bad=Outcome.FAIL)
    _mark(store, "good", "bad")
    assert [_reserve(store), _reserve(store)] == ["bad", "good"]
    assert _standings(store, "bad") == [Standing.RECYCLED]
    assert _standings(store, "good") == [Standing.CURRENT]
    assert _state(store, "bad") is PackageState.WAITING_TO_BE_TESTED
    assert _state(store, "good") is PackageState.SUCCESSFULLY_TESTED
    assert not store.has_recycle_queue(SID)
    for name in ("bad", "good"):
        store.record_run(SID, result(name, outcome=Outcome.FAIL, run_id=f"new-{name}", log=b"new\n"))
    assert _standings(store, "bad") == [Standing.CURRENT, Standing.RECYCLED]
    assert _standings(store, "good") == [Standing.CURRENT, Standing.SUPERSEDED]
    assert _state(store, "good") is PackageState.FAILED_TESTING
    assert _reserve(store) is None


def test_giving_a_retest_back_marks_a_pass_again_and_leaves_a_failure_untested(store: Store) -> None:
    _tested(store, good=Outcome.PASS, bad=Outcome.FAIL)
    _mark(store, "good", "bad")
    for _ in range(2):
        name = _reserve(store)
        store.unreserve(SID, Package(str(name)), Version("1"), owner="worker1", now=NOON)
    assert [mark.package for mark in store.recycle_queue(SID)] == ["good"]
    assert _reserve(store, retest=False) == "bad"
    assert _reserve(store, retest=False) is None
    assert _reserve(store) == "good"


@pytest.mark.parametrize("way", ["given back", "trouble", "lost"])
def test_a_first_test_that_comes_back_is_not_done_again_if_somebody_else_has_sent_a_result(
    store: Store, way: str
) -> None:
    fill(store, package("a"))
    make_candidates(store, a=1)
    store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
    store.record_run(SID, result("a", slave="worker2", at=NOON + HOUR / 2))
    now = NOON + HOUR
    if way == "given back":
        store.unreserve(SID, Package("a"), Version("1"), owner="worker1", now=now)
    elif way == "trouble":
        trouble = NewTrouble("t", Package("a"), Version("1"), TroubleKind.DISK, "worker1", now, 0, "")
        store.record_trouble(SID, trouble, max_retries=3)
    else:
        store.expire_reservations(SID, now=now, max_retries=3)
    assert (store.reservations(SID), store.recycle_queue(SID)) == ([], [])


def test_trouble_with_a_retest_marks_a_pass_again_until_there_was_too_much(store: Store) -> None:
    _tested(store, good=Outcome.PASS)
    _mark(store, "good")
    for number in range(3):
        assert _reserve(store, f"worker{number}") == "good"
        new = NewTrouble(
            f"t{number}", Package("good"), Version("1"), TroubleKind.DISK, f"worker{number}", NOON, 0, f"{number}"
        )
        assert store.record_trouble(SID, new, max_retries=3).held is (number == 2)
    assert not store.has_recycle_queue(SID)
    assert _state(store, "good") is PackageState.SUCCESSFULLY_TESTED
    assert _reserve(store) is None
    _mark(store, "good")
    assert _reserve(store) == "good"


def test_a_lost_retest_is_marked_again_and_its_late_result_still_counts(store: Store) -> None:
    _tested(store, good=Outcome.PASS)
    _mark(store, "good")
    assert _reserve(store) == "good"
    store.expire_reservations(SID, now=NOON + 2 * HOUR, max_retries=3)
    assert store.has_recycle_queue(SID)
    recorded = store.record_run(SID, result("good", outcome=Outcome.FAIL, at=NOON + 3 * HOUR))
    assert recorded.run.standing is Standing.CURRENT
    assert _standings(store, "good") == [Standing.CURRENT, Standing.SUPERSEDED]
    assert not store.has_recycle_queue(SID)
    assert _reserve(store, hours=4) is None


def test_a_lost_retest_that_another_slave_got_is_late(store: Store) -> None:
    _tested(store, good=Outcome.PASS)
    _mark(store, "good")
    assert _reserve(store, "worker1") == "good"
    assert _reserve(store, "worker2", hours=2) == "good"
    recorded = store.record_run(SID, result("good", outcome=Outcome.FAIL, slave="worker1", at=NOON + 3 * HOUR))
    assert recorded.run.standing is Standing.LATE


def test_marks_outlive_a_snapshot_but_not_their_version(store: Store) -> None:
    _tested(store, same=Outcome.PASS, updated=Outcome.PASS, gone=Outcome.PASS)
    _mark(store, "same", "updated", "gone")
    fill(store, package("same"), package("updated", "2"))
    assert [mark.package for mark in store.recycle_queue(SID)] == ["same"]
    states = {Package("same"): ComputedState(PackageState.SUCCESSFULLY_TESTED, "", retestable=True)}
    store.set_states(SID, states, evaluated=store.snapshot(SID))
    assert _reserve(store) == "same"


def test_recycle_mode_counts_marked_packages_and_packages_in_hand_as_waiting(store: Store) -> None:
    _tested(store, a=Outcome.PASS, b=Outcome.PASS, c=Outcome.FAIL, d=Outcome.PASS)
    _mark(store, "a", "c")
    store.queue_recycle(SID, [Package("b")], now=NOON)
    counts = store.retest_counts(SID)
    assert {state: number for state, number in counts.items() if number} == {
        PackageState.SUCCESSFULLY_TESTED: 1,
        PackageState.WAITING_TO_BE_TESTED: 2,
        PackageState.WAITING_FOR_DEPENDENCY: 1,
    }
    while _reserve(store):
        pass
    assert store.retest_counts(SID)[PackageState.WAITING_TO_BE_TESTED] == 2
    assert store.counts(SID)[PackageState.SUCCESSFULLY_TESTED] == 3


def test_an_outdated_package_is_so_in_recycle_mode_too(store: Store) -> None:
    _tested(store, a=Outcome.PASS, b=Outcome.PASS)
    states = {Package("a"): ComputedState(PackageState.OUTDATED, "there is a newer one")}
    store.set_states(SID, states, evaluated=store.snapshot(SID))
    store.queue_recycle(SID, [Package("a"), Package("b")], now=NOON)
    assert store.retest_states(SID) == {"b": PackageState.WAITING_FOR_DEPENDENCY}
    assert store.retest_counts(SID)[PackageState.OUTDATED] == 1


def test_leases_take_retests_too(store: Store) -> None:
    _tested(store, **{f"p{number}": Outcome.FAIL for number in range(8)})
    _mark(store, *(f"p{number}" for number in range(8)))
    held = store.lease(SID, owner="worker1", count=3, now=NOON, deadline=NOON + HOUR, retest=True)
    assert [one.package for one in held] == ["p0", "p1", "p2"]
    assert store.counts(SID)[PackageState.FAILED_TESTING] == 5
