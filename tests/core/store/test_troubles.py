"""Tests that said nothing about their package: remembered, tried by another slave, and at last not any more."""

from __future__ import annotations

import hashlib

import pytest

from piufarm.names import Package, SectionName, Version
from piufarm.store.attempts import ATTEMPTS_KEPT, PROBATION_SECONDS, NewTrouble, RecordedTrouble, SlaveRow
from piufarm.store.model import Standing, Store
from piufarm.trouble import TroubleKind
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result

_OTHER = SectionName("other")


@pytest.fixture
def farm(store: Store) -> Store:
    """A store with candidates a, b, c, in this order."""
    fill(store, package("a"), package("b"), package("c"))
    make_candidates(store, a=3, b=2, c=1)
    return store


def _reserve(store: Store, slave: str | None, hours: float = 0) -> str | None:
    now = NOON + hours * HOUR
    if slave is not None:
        store.note_contact(SID, slave=slave, now=now)
    store.expire_reservations(SID, now=now, max_retries=3)
    found = store.reserve(SID, owner=slave, now=now, deadline=now + HOUR)
    return found.package if found else None


def _trouble(store: Store, name: str, slave: str | None, *, hours: float = 0, log: bytes = b"no network\n",
             kind: TroubleKind = TroubleKind.NETWORK, run_id: str | None = None) -> RecordedTrouble:  # fmt: skip
    moment = NOON + hours * HOUR
    new = NewTrouble(
        run_id or f"run-{len(store.troubles(SID))}", Package(name), Version("1"), kind, slave, moment, len(log),
        hashlib.sha256(log).hexdigest(),
    )  # fmt: skip
    return store.record_trouble(SID, new, max_retries=3)


def _slave(store: Store, name: str) -> SlaveRow | None:
    return next((row for row in store.slaves() if row.name == name), None)


def _hold_back(store: Store) -> None:
    """Let three slaves have trouble with a, one after the other."""
    for number in range(3):
        assert _reserve(store, f"worker{number}") == "a"
        _trouble(store, "a", f"worker{number}")


def test_a_trouble_gives_the_package_back_and_is_remembered(farm: Store) -> None:
    assert _reserve(farm, "worker1") == "a"
    recorded = _trouble(farm, "a", "worker1", run_id="one")
    assert (recorded.held, recorded.drained, recorded.duplicate) == (False, False, False)
    assert farm.reservations(SID) == []
    (trouble,) = farm.troubles(SID)
    assert trouble == recorded.trouble == farm.trouble("one")
    assert (trouble.kind, trouble.slave, trouble.noted_at) == (TroubleKind.NETWORK, "worker1", NOON)
    assert (trouble.log, trouble.log_bytes, trouble.counted) == ("trouble/one.log", 11, True)
    assert farm.troubles(SID, package=Package("b")) == []


def test_a_retry_goes_to_another_slave_first(farm: Store) -> None:
    _reserve(farm, "worker2")  # a slave that is about
    farm.unreserve(SID, Package("a"), Version("1"), owner="worker2", now=NOON)
    assert _reserve(farm, "worker1") == "a"
    _trouble(farm, "a", "worker1")
    assert _reserve(farm, "worker1") == "b"
    assert not farm.has_candidate(SID, owner="worker1", now=NOON) or _reserve(farm, "worker1") == "c"
    assert farm.has_candidate(SID, owner="worker2", now=NOON)
    assert not farm.has_candidate(SID, owner="worker1", now=NOON)
    assert _reserve(farm, "worker2") == "a"


def test_a_slave_that_is_alone_tries_other_packages_first_and_then_the_same_again(farm: Store) -> None:
    assert _reserve(farm, "worker1") == "a"
    _trouble(farm, "a", "worker1")
    assert [_reserve(farm, "worker1") for _ in range(4)] == ["b", "c", "a", None]


def test_a_slave_that_has_not_been_here_for_an_hour_is_not_waited_for(farm: Store) -> None:
    _reserve(farm, "worker2")
    farm.unreserve(SID, Package("a"), Version("1"), owner="worker2", now=NOON)
    _reserve(farm, "worker1")
    _trouble(farm, "a", "worker1")
    assert [_reserve(farm, "worker1", hours=2) for _ in range(3)] == ["b", "c", "a"]


def test_a_slave_that_is_about_but_never_asks_is_waited_for_no_longer_than_an_hour(farm: Store) -> None:
    for owner in ("worker1", "worker1", "worker1"):
        assert _reserve(farm, owner) is not None
    _trouble(farm, "a", "worker1")
    for hours, expected in ((0.5, None), (0.9, None), (1.1, "a")):
        farm.note_contact(SID, slave="worker2", now=NOON + hours * HOUR)
        assert _reserve(farm, "worker1", hours=hours) == expected


def test_slaves_that_all_had_trouble_with_a_package_do_not_wait_for_each_other(farm: Store) -> None:
    for slave in ("worker1", "worker2"):
        assert _reserve(farm, slave) == "a"
        _trouble(farm, "a", slave)
    assert [_reserve(farm, "worker1") for _ in range(3)] == ["b", "c", "a"]


def test_after_too_many_attempts_a_package_is_held_back_and_says_why(farm: Store) -> None:
    for number, slave in enumerate(("worker1", "worker2", "worker3")):
        assert _reserve(farm, slave, hours=number / 10) == "a"
        recorded = _trouble(farm, "a", slave, hours=number / 10, kind=list(TroubleKind)[number])
        assert recorded.held is (number == 2)
    assert _reserve(farm, "worker4", hours=0.5) == "b"
    (hold,) = farm.holds(SID)
    row = farm.package(SID, Package("a"))
    assert row is not None
    assert row.reason == hold.reason
    assert hold.reason == (
        "held back, for testing this version only led to trouble: network (worker1), mirror (worker2), disk (worker3);"
        " `piufarm master recycle a` or a new version lets it go again"
    )
    assert [one.reason for one in farm.packages(SID) if one.name == "a"] == [hold.reason]


def test_a_held_package_is_no_candidate_and_an_evaluation_does_not_change_that(farm: Store) -> None:
    _hold_back(farm)
    make_candidates(farm, a=9)
    farm.record_run(SID, result("b", slave=None))
    farm.record_run(SID, result("c", slave=None))
    assert not farm.has_candidate(SID, owner="worker9", now=NOON)
    assert _reserve(farm, "worker9") is None


def test_recycling_lets_a_held_package_go_and_forgives_its_troubles(farm: Store) -> None:
    _hold_back(farm)
    assert farm.queue_recycle(SID, [Package("a")], now=NOON) == {"a": True}
    assert farm.holds(SID) == []
    assert farm.recycle_queue(SID) == []  # it has no result: it is simply tested
    assert _reserve(farm, "worker1") == "a"
    assert not _trouble(farm, "a", "worker1", hours=0.5).held
    assert [trouble.counted for trouble in farm.troubles(SID)] == [True, False, False, False]


def test_a_new_version_is_not_held_back(farm: Store) -> None:
    _hold_back(farm)
    fill(farm, package("a", "2"), package("b"))
    make_candidates(farm, a=9)
    assert farm.holds(SID) == []
    assert _reserve(farm, "worker1") == "a"
    assert len(farm.troubles(SID)) == 3  # remembered


def test_a_version_that_is_not_tested_any_more_is_not_held_back(farm: Store) -> None:
    _reserve(farm, "worker1")
    fill(farm, package("a", "2"))
    (lost,) = farm.expire_reservations(SID, now=NOON + 2 * HOUR, max_retries=1)
    assert (lost.trouble.package, lost.held) == ("a", False)
    assert farm.holds(SID) == []


def test_a_hold_outlives_a_snapshot_that_changes_nothing(farm: Store) -> None:
    _hold_back(farm)
    fill(farm, package("a"), package("b"))
    make_candidates(farm, a=9, b=1)
    assert _reserve(farm, "worker1") == "b"


def test_a_trouble_of_somebody_who_does_not_hold_the_package_changes_nothing_but_is_kept(farm: Store) -> None:
    _reserve(farm, "worker1")
    recorded = _trouble(farm, "a", "worker2")
    assert (recorded.trouble.counted, recorded.held) == (False, False)
    assert [held.owner for held in farm.reservations(SID)] == ["worker1"]
    assert _slave(farm, "worker2") is None


def test_a_trouble_sent_twice_is_stored_once(farm: Store) -> None:
    _reserve(farm, "worker1")
    _trouble(farm, "a", "worker1", run_id="one")
    recorded = _trouble(farm, "a", "worker1", run_id="two", hours=1)
    assert recorded.duplicate
    assert recorded.trouble.run_id == "one"
    assert len(farm.troubles(SID)) == 1


def test_what_is_not_heard_of_again_counts_as_lost(farm: Store) -> None:
    _reserve(farm, "worker1")
    (lost,) = farm.expire_reservations(SID, now=NOON + HOUR, max_retries=1)
    assert (lost.trouble.kind, lost.trouble.slave, lost.trouble.log) == (TroubleKind.LOST, "worker1", None)
    assert lost.held
    assert farm.expire_reservations(SID, now=NOON + HOUR, max_retries=1) == ()
    found = _slave(farm, "worker1")
    assert found is not None
    assert found.attempts == (False,)


def test_a_result_settles_a_held_version(farm: Store) -> None:
    _hold_back(farm)
    assert farm.record_run(SID, result("a", slave="worker9")).run.standing is Standing.CURRENT
    assert farm.holds(SID) == []


def _work(store: Store, slave: str, *goods: bool, hours: float = 0) -> list[RecordedTrouble]:
    """Let a slave test packages of its own, with these ends."""
    recorded = []
    for number, good in enumerate(goods):
        name = f"{slave}-{hours}-{number}"
        fill(store, package(name))
        make_candidates(store, **{name: 1})
        assert _reserve(store, slave, hours) == name, "drained too early"
        if good:
            store.record_run(SID, result(name, slave=slave, at=NOON + hours * HOUR))
        else:
            recorded.append(_trouble(store, name, slave, hours=hours, run_id=name))
    return recorded


def test_a_slave_with_too_much_trouble_is_drained_once(store: Store) -> None:
    recorded = _work(store, "worker1", *[False] * 6)
    assert [one.drained for one in recorded] == [False] * 5 + [True]
    fill(store, package("next"))
    make_candidates(store, next=1)
    assert _reserve(store, "worker1") is None
    assert not store.has_candidate(SID, owner="worker1", now=NOON)
    assert not store.lease(SID, owner="worker1", count=5, now=NOON, deadline=NOON + HOUR)
    assert _reserve(store, "worker2") == "next"
    assert [row.drained_at for row in store.slaves()] == [NOON, None]


def test_what_is_lost_at_once_counts_as_one_attempt(store: Store) -> None:
    names = [f"p{number}" for number in range(60)]
    fill(store, *map(package, names))
    make_candidates(store, **dict.fromkeys(names, 1))
    assert len(store.lease(SID, owner="worker1", count=20, now=NOON, deadline=NOON + HOUR)) == 20
    lost = store.expire_reservations(SID, now=NOON + 2 * HOUR, max_retries=3)
    assert ([one.drained for one in lost], len(store.troubles(SID))) == ([False] * 20, 20)
    row = _slave(store, "worker1")
    assert row is not None
    assert (row.attempts, row.drained_at) == ((False,), None)


def test_trouble_now_and_then_drains_nobody(store: Store) -> None:
    _work(store, "worker1", *[True, False, True] * 8)
    row = _slave(store, "worker1")
    assert row is not None
    assert row.drained_at is None
    assert len(row.attempts) == ATTEMPTS_KEPT
    assert 0.3 < row.trouble_share < 0.4


def test_after_a_while_a_drained_slave_gets_one_package_at_a_time_until_one_succeeds(store: Store) -> None:
    _work(store, "worker1", *[False] * 6)
    fill(store, package("x"), package("y"), package("z"))
    make_candidates(store, x=3, y=2, z=1)
    later = PROBATION_SECONDS / 3600
    assert _reserve(store, "worker1", later) == "x"
    assert _reserve(store, "worker1", later) is None
    store.record_run(SID, result("x", slave="worker1", at=NOON + 2 * HOUR))
    row = _slave(store, "worker1")
    assert row is not None
    assert (row.drained_at, row.attempts) == (None, (True,))
    assert _reserve(store, "worker1", later) == "y"
    assert _reserve(store, "worker1", later) == "z"


def test_trouble_on_probation_begins_the_time_anew(store: Store) -> None:
    _work(store, "worker1", *[False] * 6)
    assert [one.drained for one in _work(store, "worker1", False, hours=1)] == [False]
    fill(store, package("x"))
    make_candidates(store, x=3)
    assert _reserve(store, "worker1", 1.5) is None
    assert _reserve(store, "worker1", 2) == "x"


def test_a_slave_that_was_drained_in_a_time_to_come_works_again_when_the_clock_is_right(store: Store) -> None:
    years = 10 * 365 * 24
    _work(store, "worker1", *[False] * 6, hours=years)
    fill(store, package("x"), package("y"), package("z"))
    make_candidates(store, x=3, y=2, z=1)
    assert _reserve(store, "worker1") == "x"
    assert _reserve(store, "worker1") is None
    store.record_run(SID, result("x", slave="worker1", at=NOON))
    assert [_reserve(store, "worker1"), _reserve(store, "worker1")] == ["y", "z"]


def test_a_result_from_before_the_drain_resumes_nobody(store: Store) -> None:
    fill(store, package("early"))
    make_candidates(store, early=1)
    now = NOON
    store.lease(SID, owner="worker1", count=1, now=now, deadline=now + 9 * HOUR)
    _work(store, "worker1", *[False] * 6, hours=0.5)
    store.record_run(SID, result("early", slave="worker1", at=NOON + HOUR))
    row = _slave(store, "worker1")
    assert row is not None
    assert row.drained_at is not None


def test_a_slave_is_resumed_by_hand(store: Store) -> None:
    _work(store, "worker1", *[False] * 6)
    assert store.resume_slave("worker1")
    assert not store.resume_slave("nobody")
    row = _slave(store, "worker1")
    assert row is not None
    assert (row.drained_at, row.attempts, row.trouble_share) == (None, (), 0)


def test_slaves_are_remembered_with_what_they_hold(farm: Store) -> None:
    _reserve(farm, "worker2")
    _reserve(farm, "worker1", hours=0.5)
    farm.note_contact(SID, slave="worker2", now=NOON + HOUR / 100)  # too soon to be written down
    assert [(row.name, row.last_seen, row.holds) for row in farm.slaves()] == [
        ("worker1", NOON + HOUR / 2, 1), ("worker2", NOON, 1),
    ]  # fmt: skip


def test_troubles_of_other_sections_are_not_seen(farm: Store) -> None:
    _reserve(farm, "worker1")
    _trouble(farm, "a", "worker1")
    assert farm.troubles(_OTHER) == []
    assert farm.holds(_OTHER) == []
