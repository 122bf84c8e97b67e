"""Questions about single packages, answered from a few rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Store
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result

_A = Package("a")


def test_an_unknown_package_is_in_no_situation(store: Store) -> None:
    assert store.situation(SID, _A) is None
    fill(store, package("a"))
    assert store.situation(SID, Package("b")) is None


def test_a_situation_holds_state_result_reservation_and_what_blocks(store: Store) -> None:
    fill(store, package("a", "1:2"), package("b"), package("c"))
    states = {
        _A: ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready"),
        Package("b"): ComputedState(PackageState.WAITING_FOR_DEPENDENCY, "waits for a", blocker="a"),
        Package("c"): ComputedState(PackageState.WAITING_FOR_DEPENDENCY, "waits for d", blocker="d other/one"),
    }
    store.set_states(SID, states, evaluated=store.snapshot(SID))
    held = store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
    found = store.situation(SID, _A)
    assert found is not None
    assert (found.version, found.state, found.reason) == ("1:2", PackageState.WAITING_TO_BE_TESTED, "ready")
    assert (found.reservation, found.run, found.blocker) == (held, None, None)
    assert (found.hold, found.retest_since) == (None, None)
    blockers = [store.situation(SID, Package(name)) for name in ("b", "c")]
    assert [one and one.blocker for one in blockers] == [(SID, "a"), ("other/one", "d")]
    recorded = store.record_run(SID, replace(result("a", outcome=Outcome.FAIL), version=Version("1:2")))
    found = store.situation(SID, _A)
    assert found is not None
    assert (found.run, found.reservation, found.state) == (recorded.run, None, PackageState.FAILED_TESTING)


def test_those_ahead_are_what_would_be_handed_out_before(store: Store) -> None:
    fill(store, package("a"), package("b"), package("c"), package("d", listed=False))
    make_candidates(store, a=1, b=3, c=2, d=9)
    assert [store.ahead(SID, Package(name)) for name in ("b", "c", "a")] == [0, 1, 2]
    store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
    assert [store.ahead(SID, Package(name)) for name in ("c", "a")] == [0, 1]


def test_retests_ahead_are_those_that_would_be_handed_out_before(store: Store) -> None:
    fill(store, *map(package, "abcd"))
    for name in "abcd":
        store.record_run(SID, result(name, outcome=Outcome.PASS if name == "a" else Outcome.FAIL))
    store.queue_recycle(SID, map(Package, "abcd"), now=NOON)
    before = store.situation(SID, _A)
    states = {
        Package(node.name): node.stored._replace(retestable=node.name != "d") for node in store.snapshot(SID).nodes
    }
    store.set_states(SID, states, evaluated=store.snapshot(SID))
    after = store.situation(SID, _A)
    assert before is not None
    assert after is not None
    assert (before.retest_ready, after.retest_ready) == (False, True)
    assert [store.retests_ahead(SID, Package(name)) for name in "bca"] == [0, 1, 2]
    assert store.retests_ahead(SID, Package("nobody")) == 0


def test_the_pace_is_that_of_the_last_tests_and_of_the_slaves_that_are_here(store: Store) -> None:
    fill(store, package("a"))
    assert store.pace(SID, now=NOON).mean_seconds is None
    for number in range(250):
        seconds = 1000 if number < 50 else 10
        run = result(f"p{number}", run_id=f"{number:04}", at=NOON + timedelta(seconds=number))
        store.record_run(SID, replace(run, seconds=seconds))
    store.record_run(SID, result("unknown", at=NOON + HOUR))
    for name, at in (("here", NOON), ("too", NOON), ("gone", NOON - 3 * HOUR)):
        store.note_contact(SID, slave=name, now=at)
    pace = store.pace(SID, now=NOON + HOUR / 2)
    assert (pace.mean_seconds, pace.slaves, pace.drained) == (10, 2, [])


def test_names_like_a_mistyped_one_begin_the_same_or_hold_it(store: Store) -> None:
    fill(store, package("libgtk3"), package("libfoo"), package("foo-libgt"), package("other"))
    assert store.names_like(SID, "libgt") == ["foo-libgt", "libfoo", "libgtk3"]
    assert store.names_like(SID, "LibGT") == ["foo-libgt", "libgtk3"]
    assert store.names_like(SID, "zz%") == []
