"""Leases: several packages at once, no more than a fair share, kept by renewing, and back when nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.store.model import Reservation, Standing, Store
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result

_MINUTE = timedelta(minutes=1)


def _fill(store: Store, count: int) -> None:
    names = [f"p{number:03}" for number in range(count)]
    fill(store, *map(package, names))
    make_candidates(store, **{name: count - number for number, name in enumerate(names)})


def _lease(store: Store, owner: str = "worker1", count: int = 10, *, minutes: int = 0) -> list[str]:
    """Lease at noon plus `minutes` for half an hour."""
    now = NOON + minutes * _MINUTE
    store.expire_reservations(SID, now=now, max_retries=9)
    found = store.lease(SID, owner=owner, count=count, now=now, deadline=now + 30 * _MINUTE)
    return [held.package for held in found]


def _renew(store: Store, owner: str = "worker1", *, hours: int = 1) -> Sequence[Reservation]:
    """Renew, so many hours after noon, what was handed out from noon on."""
    return store.renew(SID, owner=owner, deadline=NOON + hours * HOUR, since=NOON - _MINUTE)


def test_a_lease_takes_the_best_candidates_in_their_order(store: Store) -> None:
    _fill(store, 20)
    assert _lease(store, count=4) == ["p000", "p001", "p002", "p003"]
    held = store.reservations(SID)
    assert {one.deadline for one in held} == {NOON + 30 * _MINUTE}
    assert all(one.lease and one.owner == "worker1" for one in held)


def test_a_lease_is_no_more_than_half_of_what_is_free_over_the_active_slaves(store: Store) -> None:
    _fill(store, 80)
    for number in range(4):
        store.note_contact(SID, slave=f"worker{number}", now=NOON)
    assert len(_lease(store, "worker1", 1000)) == 10  # of 80 for four slaves
    assert len(_lease(store, "worker2", 1000)) == 8  # of 70
    store.note_contact(SID, slave="from-yesterday", now=NOON - 24 * HOUR)
    assert len(_lease(store, "worker3", 1000)) == 7


def test_batches_shrink_to_single_packages_and_everything_is_handed_out(store: Store) -> None:
    _fill(store, 50)
    slaves = ["worker1", "worker2"]
    for slave in slaves:
        store.note_contact(SID, slave=slave, now=NOON)
    sizes: list[int] = []
    while (found := len(_lease(store, slaves[len(sizes) % 2], 1000))) > 0:
        sizes.append(found)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 12
    assert sizes[-4:] == [1, 1, 1, 1]
    assert sum(sizes) == 50


def test_renewing_keeps_leases_and_says_what_is_still_held(store: Store) -> None:
    _fill(store, 40)
    _lease(store, "worker1", 2)
    _lease(store, "worker2", 1)
    held = _renew(store)
    assert [one.package for one in held] == ["p000", "p001"]
    assert {one.deadline for one in held} == {NOON + HOUR}
    assert {one.package: one.deadline for one in store.reservations(SID)}[Package("p002")] == NOON + 30 * _MINUTE
    store.record_run(SID, result("p000"))
    assert [one.package for one in _renew(store)] == ["p001"]
    assert _renew(store, "nobody") == []


def test_a_contact_does_not_extend_a_lease_and_renewing_shortens_no_plain_reservation(store: Store) -> None:
    _fill(store, 40)
    _lease(store, "worker1", 1)
    store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + 48 * HOUR)
    store.extend_reservations(SID, owner="worker1", deadline=NOON + 99 * HOUR)
    _renew(store)
    assert {one.package: one.deadline for one in store.reservations(SID)} == {
        "p000": NOON + HOUR, "p001": NOON + 99 * HOUR,
    }  # fmt: skip


def test_renewing_is_a_promise_for_a_plain_reservation_that_it_lists_too(store: Store) -> None:
    _fill(store, 1)
    store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + _MINUTE)
    (held,) = _renew(store)
    assert held.deadline == NOON + HOUR
    assert _lease(store, "worker2", minutes=30) == []


def test_what_an_owner_has_held_for_too_long_is_not_renewed_and_goes_to_another_slave(store: Store) -> None:
    _fill(store, 2)
    assert _lease(store, "worker1", 1) == ["p000"]  # and forgotten, for instance with the slave's disk
    assert _lease(store, "worker1", 1, minutes=20) == ["p001"]
    (held,) = store.renew(SID, owner="worker1", deadline=NOON + HOUR, since=NOON + 10 * _MINUTE)
    assert (held.package, held.deadline) == ("p001", NOON + HOUR)
    assert _lease(store, "worker2", minutes=30) == ["p000"]


def test_a_lease_that_nobody_renews_goes_to_another_slave(store: Store) -> None:
    _fill(store, 1)
    assert _lease(store, "worker1") == ["p000"]
    assert _lease(store, "worker2", minutes=29) == []
    assert _lease(store, "worker2", minutes=30) == ["p000"]
    assert _renew(store) == []
    assert [one.owner for one in store.reservations(SID)] == ["worker2"]


def test_a_slave_that_is_late_but_nobody_else_was_asked_keeps_its_lease_by_renewing(store: Store) -> None:
    _fill(store, 1)
    _lease(store, "worker1")
    assert [one.package for one in _renew(store, hours=9)] == ["p000"]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_lease_ends_with_the_result(store: Store, outcome: Outcome) -> None:
    _fill(store, 4)
    _lease(store, "worker1", 1)
    assert store.record_run(SID, result("p000", outcome=outcome)).run.standing is Standing.CURRENT
    assert store.reservations(SID) == []
    assert "p000" not in _lease(store, "worker1")


def test_held_packages_cost_a_reserve_nothing_and_come_back_when_they_are_given_back(store: Store) -> None:
    _fill(store, 3)
    assert _lease(store, count=1) == ["p000"]
    assert store.unreserve(SID, Package("p000"), Version("1"), owner="worker1", now=NOON)
    assert _lease(store, "worker2", count=1) == ["p000"]


def test_a_snapshot_of_the_archive_leaves_leases_alone(store: Store) -> None:
    _fill(store, 8)
    assert _lease(store, count=2) == ["p000", "p001"]
    _fill(store, 8)
    assert [one.package for one in _renew(store)] == ["p000", "p001"]
    assert _lease(store, "worker2", count=2) == ["p002", "p003"]
