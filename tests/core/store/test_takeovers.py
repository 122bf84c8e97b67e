"""Entering what another installation has recorded, without disturbing what is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import Placement, Reservation, Run, Standing, Store, run_log
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result


def _run(
    run_id: str, outcome: Outcome = Outcome.FAIL, *, at: datetime = NOON, standing: Standing = Standing.CURRENT
) -> Run:
    """A run of package a, version 1, from another farm."""
    return Run(
        run_id, SID, Package("a"), Version("1"), outcome, standing, Placement(outcome.value), None, at,
        run_log(run_id), 5, f"{run_id:0>64}", 90,
    )  # fmt: skip


def _standings(store: Store) -> dict[str, Standing]:
    return {run.run_id: run.standing for run in store.runs(SID)}


def test_runs_are_entered_as_they_are(store: Store) -> None:
    bugged = replace(_run("bugged"), placement=Placement.BUGGED)
    old = replace(_run("old", standing=Standing.RETIRED, at=NOON - HOUR), log="runs/old.log.xz", seconds=None)
    assert store.enter_runs(SID, [bugged, old], {}) == [bugged, old]
    assert list(store.runs(SID)) == [bugged, old]
    assert store.run("bugged") == bugged


def test_a_run_that_is_known_is_not_entered_twice(store: Store) -> None:
    store.enter_runs(SID, [_run("one")], {})
    counter = store.change_counter(SID)
    assert store.enter_runs(SID, [_run("one")], {}) == []
    assert store.change_counter(SID) == counter
    assert list(_standings(store)) == ["one"]


def test_a_newer_result_takes_the_place_of_an_older_one_and_not_the_other_way_round(store: Store) -> None:
    store.enter_runs(SID, [_run("first")], {})
    (older,) = store.enter_runs(SID, [_run("older", at=NOON - HOUR)], {})
    assert older.standing is Standing.SUPERSEDED
    store.enter_runs(SID, [_run("newer", Outcome.PASS, at=NOON + HOUR)], {})
    assert _standings(store) == {
        "newer": Standing.CURRENT,
        "first": Standing.SUPERSEDED,
        "older": Standing.SUPERSEDED,
    }


def test_a_result_of_a_slave_of_ours_stays_if_it_is_newer(store: Store) -> None:
    store.record_run(SID, result("a", at=NOON + HOUR, run_id="ours"))
    store.enter_runs(SID, [_run("theirs")], {})
    assert _standings(store) == {"ours": Standing.CURRENT, "theirs": Standing.SUPERSEDED}


def test_an_evaluation_is_due_once_runs_were_entered(store: Store) -> None:
    fill(store, package("a"))
    store.set_states(SID, {}, evaluated=store.snapshot(SID))
    assert not store.evaluation_due(SID)
    store.enter_runs(SID, [_run("one")], {})
    assert store.evaluation_due(SID)
    (node,) = store.snapshot(SID).nodes
    assert node.outcome is Outcome.FAIL


def _reservation(name: str, *, at: datetime = NOON) -> Reservation:
    return Reservation(SID, Package(name), Version("1"), None, at, at + 48 * HOUR)


def test_what_was_handed_out_elsewhere_is_not_handed_out_here(store: Store) -> None:
    fill(store, package("a"))
    make_candidates(store, a=0)
    assert store.enter_reservations(SID, [_reservation("a")]) == 1
    assert store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR) is None
    assert list(store.reservations(SID)) == [_reservation("a")]
    late = NOON + 49 * HOUR
    store.expire_reservations(SID, now=late, max_retries=3)
    assert store.reserve(SID, owner="worker1", now=late, deadline=late + HOUR) is not None


def test_anybody_may_report_what_nobody_owns(store: Store) -> None:
    store.enter_reservations(SID, [_reservation("a")])
    recorded = store.record_run(SID, result("a"))
    assert recorded.run.standing is Standing.CURRENT
    assert store.reservations(SID) == []


def test_a_reservation_that_is_held_or_done_is_not_entered(store: Store) -> None:
    fill(store, package("a"))
    make_candidates(store, a=0)
    held = store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
    store.enter_runs(SID, [replace(_run("b", at=NOON + timedelta(minutes=1)), package=Package("b"))], {})
    assert store.enter_reservations(SID, [_reservation("a"), _reservation("b")]) == 0
    assert list(store.reservations(SID)) == [held]


def test_counts_of_days_are_entered_once_with_all_their_columns(store: Store) -> None:
    fill(store, package("a"))
    store.record_daily_counts(SID, date(2026, 11, 20))
    ours = dict(store.daily_counts(SID))[date(2026, 11, 20)]
    days = [
        (date(2012, 1, 1), {"successfully-tested": 3, "circular-dependency": 2}),
        (date(2026, 11, 20), {"successfully-tested": 3}),
    ]
    assert store.enter_daily_counts(SID, days) == 1
    assert store.enter_daily_counts(SID, days) == 0
    assert dict(store.daily_counts(SID)) == {days[0][0]: days[0][1], date(2026, 11, 20): ours}
    assert ours[PackageState.UNKNOWN] == 1


def test_known_problems_come_with_the_runs(store: Store) -> None:
    store.enter_runs(SID, [_run("one")], {"one": ["b_error", "a_issue", "b_error"], "unheard-of": ["c_error"]})
    assert store.problems("one") == ["a_issue", "b_error"]
    assert store.problems("two") == []


def test_the_very_same_log_under_another_id_is_the_same_run(store: Store) -> None:
    store.enter_runs(SID, [_run("one")], {})
    assert store.enter_runs(SID, [replace(_run("two", at=NOON + HOUR), log_sha256=_run("one").log_sha256)], {}) == []
    assert len(store.enter_runs(SID, [_run("three", Outcome.PASS, at=NOON + HOUR)], {})) == 1
