"""What a result means, by who sends it and what is there already. docs/store.md has the same as a table."""

from __future__ import annotations

import pytest

from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store import StoreError
from piufarm.store.model import Placement, Run, Standing, Store
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result


def _reserve(store: Store, owner: str | None = "worker1", hours: int = 0) -> None:
    now = NOON + hours * HOUR
    store.expire_reservations(SID, now=now, max_retries=9)
    assert store.reserve(SID, owner=owner, now=now, deadline=now + HOUR) is not None


@pytest.fixture
def farm(store: Store) -> Store:
    """A section with one package that waits to be tested."""
    fill(store, package("a"))
    make_candidates(store, a=1)
    return store


def _standings(store: Store) -> dict[str, Standing]:
    return {run.run_id: run.standing for run in store.runs(SID)}


def test_the_holders_result_is_current_and_ends_the_reservation(farm: Store) -> None:
    _reserve(farm)
    recorded = farm.record_run(SID, result("a", run_id="one"))
    assert recorded.run.standing is Standing.CURRENT
    assert recorded.superseded is None
    assert not recorded.duplicate
    assert farm.reservations(SID) == []
    assert farm.run("one") == recorded.run
    assert farm.run("two") is None


def test_everything_about_a_run_is_kept(farm: Store) -> None:
    new = result("a", outcome=Outcome.FAIL, run_id="one", log=b"what happened\n")
    farm.record_run(SID, new)
    assert farm.run("one") == Run(
        "one", SID, new.package, new.version, Outcome.FAIL, Standing.CURRENT, Placement.FAIL, "worker1", NOON,
        "runs/one.log", len(b"what happened\n"), new.log_sha256,
    )  # fmt: skip


def test_the_holders_second_result_supersedes_the_first_which_stays_in_history(farm: Store) -> None:
    farm.record_run(SID, result("a", run_id="first", outcome=Outcome.FAIL, slave="worker2"))
    make_candidates(farm, a=1)
    _reserve(farm)
    recorded = farm.record_run(SID, result("a", run_id="second", at=NOON + HOUR))
    assert recorded.superseded is not None
    assert recorded.superseded.run_id == "first"
    assert recorded.superseded.placement is Placement.FAIL
    assert _standings(farm) == {"second": Standing.CURRENT, "first": Standing.SUPERSEDED}
    assert [run.run_id for run in farm.runs(SID, current_only=True)] == ["second"]


def test_a_result_that_nobody_asked_for_counts_if_there_is_none(farm: Store) -> None:
    recorded = farm.record_run(SID, result("a"))
    assert recorded.run.standing is Standing.CURRENT


def test_a_result_for_a_package_that_the_store_never_heard_of_is_kept(store: Store) -> None:
    recorded = store.record_run(SID, result("liwc", "1.2.3-4"))
    assert recorded.run.standing is Standing.CURRENT
    assert [run.package for run in store.runs(SID)] == ["liwc"]


def test_a_result_that_nobody_asked_for_never_overwrites(farm: Store) -> None:
    farm.record_run(SID, result("a", run_id="one", slave="worker1", outcome=Outcome.FAIL))
    recorded = farm.record_run(SID, result("a", run_id="two", slave="worker2", at=NOON + HOUR))
    assert recorded.run.standing is Standing.UNRESERVED
    assert recorded.superseded is None
    row = farm.package(SID, Package("a"))
    assert row is not None
    assert row.state is PackageState.FAILED_TESTING


def test_a_late_result_counts_if_the_new_holder_has_not_reported_yet(farm: Store) -> None:
    _reserve(farm, "worker1", hours=0)
    _reserve(farm, "worker2", hours=1)
    assert farm.record_run(SID, result("a", run_id="slow", slave="worker1")).run.standing is Standing.CURRENT
    assert [held.owner for held in farm.reservations(SID)] == ["worker2"]
    recorded = farm.record_run(SID, result("a", run_id="holder", slave="worker2", at=NOON + 2 * HOUR))
    assert recorded.run.standing is Standing.CURRENT
    assert _standings(farm) == {"holder": Standing.CURRENT, "slow": Standing.SUPERSEDED}


def test_a_late_result_after_the_new_holders_is_history(farm: Store) -> None:
    _reserve(farm, "worker1", hours=0)
    _reserve(farm, "worker2", hours=1)
    farm.record_run(SID, result("a", run_id="holder", slave="worker2"))
    recorded = farm.record_run(SID, result("a", run_id="slow", slave="worker1", at=NOON + 2 * HOUR))
    assert recorded.run.standing is Standing.LATE
    assert _standings(farm) == {"slow": Standing.LATE, "holder": Standing.CURRENT}


def test_the_holder_may_be_late_as_long_as_nobody_else_was_asked(farm: Store) -> None:
    _reserve(farm, "worker1")
    recorded = farm.record_run(SID, result("a", slave="worker1", at=NOON + 99 * HOUR))
    assert recorded.run.standing is Standing.CURRENT
    assert farm.reservations(SID) == []


def test_a_foreign_result_leaves_the_reservation_alone(farm: Store) -> None:
    _reserve(farm, "worker1")
    farm.record_run(SID, result("a", slave="worker2"))
    assert [held.owner for held in farm.reservations(SID)] == ["worker1"]


def test_anybody_may_report_what_nobody_owns(farm: Store) -> None:
    farm.record_run(SID, result("a", run_id="old", slave=None))
    make_candidates(farm, a=1)
    _reserve(farm, None)
    recorded = farm.record_run(SID, result("a", run_id="new", slave="worker9", at=NOON + HOUR))
    assert recorded.run.standing is Standing.CURRENT
    assert farm.reservations(SID) == []


def test_a_result_sent_again_because_its_ok_got_lost_is_stored_once(farm: Store) -> None:
    _reserve(farm)
    farm.record_run(SID, result("a", run_id="one"))
    recorded = farm.record_run(SID, result("a", run_id="two", at=NOON + HOUR))
    assert recorded.duplicate
    assert recorded.run.run_id == "one"
    assert _standings(farm) == {"one": Standing.CURRENT}


def test_the_very_same_log_of_a_new_test_is_a_new_result(farm: Store) -> None:
    first = farm.record_run(SID, result("a", run_id="1")).run
    farm.retire(SID, [first.run_id])
    make_candidates(farm, a=1)
    _reserve(farm)
    recorded = farm.record_run(SID, result("a", run_id="2", at=NOON + HOUR))
    assert (recorded.duplicate, recorded.run.run_id, recorded.run.standing) == (False, "2", Standing.CURRENT)


def test_a_duplicate_of_history_stays_history(farm: Store) -> None:
    farm.record_run(SID, result("a", run_id="one", outcome=Outcome.FAIL))
    farm.record_run(SID, result("a", run_id="two", slave="worker2"))
    assert farm.record_run(SID, result("a", run_id="three", slave="worker2", at=NOON + HOUR)).duplicate
    assert _standings(farm) == {"two": Standing.UNRESERVED, "one": Standing.CURRENT}


def test_runs_come_newest_first_within_a_package(store: Store) -> None:
    for hour, name in enumerate(("b", "a", "b")):
        store.record_run(SID, result(name, f"{hour}", run_id=f"{name}{hour}", at=NOON + hour * HOUR))
    assert [run.run_id for run in store.runs(SID)] == ["a1", "b2", "b0"]
    assert [run.run_id for run in store.runs(SID, package=Package("b"))] == ["b2", "b0"]


def test_a_failure_can_be_placed_elsewhere(store: Store) -> None:
    store.record_run(SID, result("a", outcome=Outcome.FAIL, run_id="one"))
    store.set_placement("one", Placement.BUGGED)
    found = store.run("one")
    assert found is not None
    assert (found.placement, found.outcome) == (Placement.BUGGED, Outcome.FAIL)
    with pytest.raises(StoreError, match="no run two"):
        store.set_placement("two", Placement.BUGGED)


def test_retired_runs_are_history_and_their_package_is_evaluated_anew(farm: Store) -> None:
    farm.record_run(SID, result("a", run_id="one"))
    farm.set_states(SID, {}, evaluated=farm.snapshot(SID))
    farm.retire(SID, ["one"])
    assert _standings(farm) == {"one": Standing.RETIRED}
    row = farm.package(SID, Package("a"))
    assert row is not None
    assert row.state is PackageState.UNKNOWN
    assert farm.evaluation_due(SID)


def test_runs_out_of_place_are_those_of_left_packages_and_other_versions(store: Store) -> None:
    for name, version in (("left", "1"), ("updated", "1"), ("updated", "2"), ("same", "1")):
        store.record_run(SID, result(name, version, run_id=f"{name}-{version}"))
    fill(store, package("updated", "2"), package("same", "1"))
    assert [run.run_id for run in store.runs_out_of_place(SID)] == ["left-1", "updated-1"]
