"""Handing packages out: the best first, each to one slave, back when its time is over."""

from __future__ import annotations

import threading
from collections.abc import Callable

from piufarm.names import Package, Version
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.model import ComputedState, Reservation, Store
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result


def _reserve(store: Store, owner: str | None = "worker1", hours: int = 0) -> str | None:
    """Reserve at noon plus `hours` for one hour, after what is over by then was taken back."""
    now = NOON + hours * HOUR
    store.expire_reservations(SID, now=now, max_retries=9)
    found = store.reserve(SID, owner=owner, now=now, deadline=now + HOUR)
    return found.package if found else None


def test_the_candidate_that_most_packages_wait_for_comes_first(store: Store) -> None:
    fill(store, package("a"), package("b"), package("c"))
    make_candidates(store, a=0, b=2, c=1)
    assert [_reserve(store) for _ in range(4)] == ["b", "c", "a", None]


def test_a_long_chain_comes_before_many_packages_that_wait(store: Store) -> None:
    fill(store, package("broad"), package("deep"), package("short"))
    numbers = {"broad": (2, 50), "deep": (4, 3), "short": (3, 2)}  # chain and waiting; what counts is 2, 3 and 2
    states = {
        Package(name): ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready", *number)
        for name, number in numbers.items()
    }
    store.set_states(SID, states, evaluated=store.snapshot(SID))
    assert [_reserve(store) for _ in numbers] == ["deep", "broad", "short"]


def test_chance_decides_between_equals(store: Store) -> None:
    names = [f"p{number:02}" for number in range(16)]
    orders = []
    for _ in range(2):
        fill(store, *map(package, names))
        make_candidates(store, **dict.fromkeys(names, 1))
        orders.append([str(_reserve(store)) for _ in names])
        for name in names:
            store.unreserve(SID, Package(name), Version("1"), owner="worker1", now=NOON)
    assert [sorted(order) for order in orders] == [names, names]
    assert orders[0] != orders[1]  # by chance they are once in 16! times


def test_a_reservation_says_who_holds_what_until_when(store: Store) -> None:
    fill(store, package("a", "1:2-3"))
    make_candidates(store, a=1)
    found = store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
    assert found == Reservation(SID, Package("a"), Version("1:2-3"), "worker1", NOON, NOON + HOUR)
    assert store.reservations(SID) == [found]


def test_packages_outside_the_globs_and_packages_that_do_not_wait_are_never_handed_out(store: Store) -> None:
    fill(store, package("outside", listed=False), package("unknown"), package("tested"))
    make_candidates(store, outside=1, tested=1)
    store.record_run(SID, result("tested"))
    assert _reserve(store) is None
    assert not store.has_candidate(SID, owner="worker1", now=NOON)


def test_a_package_given_back_is_handed_out_again(store: Store) -> None:
    fill(store, package("a"))
    make_candidates(store, a=1)
    _reserve(store)
    assert store.unreserve(SID, Package("a"), Version("1"), owner="worker1", now=NOON)
    assert _reserve(store) == "a"


def test_giving_back_somebody_elses_reservation_changes_nothing(store: Store) -> None:
    fill(store, package("a"))
    make_candidates(store, a=1)
    _reserve(store)
    for somebody in ("worker2", None):
        assert not store.unreserve(SID, Package("a"), Version("1"), owner=somebody, now=NOON)
    assert _reserve(store, "worker2") is None
    assert not store.unreserve(SID, Package("unheard-of"), Version("1"), owner="worker1", now=NOON)


def test_anybody_may_give_back_what_nobody_owns(store: Store) -> None:
    fill(store, package("a"))
    make_candidates(store, a=1)
    _reserve(store, None)
    assert store.unreserve(SID, Package("a"), Version("1"), owner="worker2", now=NOON)


def test_a_reservation_ends_with_its_deadline(store: Store) -> None:
    fill(store, package("a"))
    make_candidates(store, a=1)
    assert _reserve(store, "worker1", hours=0) == "a"
    assert _reserve(store, "worker2", hours=0) is None
    assert _reserve(store, "worker2", hours=1) == "a"
    assert [held.owner for held in store.reservations(SID)] == ["worker2"]


def test_each_contact_extends_what_the_owner_holds(store: Store) -> None:
    fill(store, package("a"), package("b"))
    make_candidates(store, a=2, b=1)
    _reserve(store, "worker1")
    _reserve(store, "worker2")
    store.extend_reservations(SID, owner="worker1", deadline=NOON + 9 * HOUR)
    assert {held.package: held.deadline for held in store.reservations(SID)} == {"a": NOON + 9 * HOUR, "b": NOON + HOUR}
    store.extend_reservations(SID, owner="worker1", deadline=NOON)  # never shortens
    assert store.reservations(SID)[0].deadline == NOON + 9 * HOUR


def test_what_a_slave_leaves_behind_when_it_asks_for_more_is_extended_no_longer(store: Store) -> None:
    fill(store, package("a"), package("b"), package("c"))
    make_candidates(store, a=3, b=2, c=1)
    for owner, hours in (("worker1", 0), ("worker2", 0), ("worker1", 2)):
        store.reserve(SID, owner=owner, now=NOON + hours * HOUR, deadline=NOON + 3 * HOUR)
    store.abandon_reservations(SID, owner="worker1", before=NOON + 2 * HOUR)
    store.extend_reservations(SID, owner="worker1", deadline=NOON + 9 * HOUR)
    store.extend_reservations(SID, owner="worker2", deadline=NOON + 9 * HOUR)
    assert {held.package: held.deadline for held in store.reservations(SID)} == {
        "a": NOON + 3 * HOUR, "b": NOON + 9 * HOUR, "c": NOON + 9 * HOUR,
    }  # fmt: skip


def test_an_extension_never_shortens_another_reservation_of_its_owner(store: Store) -> None:
    fill(store, package("a"), package("b"))
    make_candidates(store, a=2, b=1)
    _reserve(store, hours=5)
    _reserve(store, hours=0)
    store.extend_reservations(SID, owner="worker1", deadline=NOON + 3 * HOUR)
    assert {held.package: held.deadline for held in store.reservations(SID)} == {
        "a": NOON + 6 * HOUR, "b": NOON + 3 * HOUR,
    }  # fmt: skip


def test_a_new_snapshot_forgets_reservations_of_old_versions_past_their_deadline(store: Store) -> None:
    fill(store, package("a"), package("b"), package("c"))
    make_candidates(store, a=3, b=2, c=1)
    _reserve(store, "worker1", hours=-9)  # a
    _reserve(store, "worker2", hours=-8)  # a again
    _reserve(store, "worker3", hours=0)  # a a third time
    _reserve(store, "worker1", hours=-9)  # b, which stays as it is
    _reserve(store, "worker1", hours=-9)  # c
    assert {held.package: held.deadline for held in store.reservations(SID)} == {
        "a": NOON + HOUR, "b": NOON - 8 * HOUR, "c": NOON - 8 * HOUR,
    }  # fmt: skip
    fill(store, package("a", "2"), package("b"), package("c", "2"))
    assert {held.package for held in store.reservations(SID)} == {"a", "b"}


def test_many_slaves_at_once_never_get_the_same_package(store: Store, store_url: str) -> None:
    names = [f"p{number:03}" for number in range(120)]
    fill(store, *map(package, names))
    make_candidates(store, **dict.fromkeys(names, 1))
    taken: list[str] = []

    def work(owner: str) -> None:
        mine = open_store(store_url)
        try:
            while (name := _reserve(mine, owner)) is not None:
                taken.append(name)
        finally:
            mine.close()

    slaves = [threading.Thread(target=work, args=(f"worker{number}",)) for number in range(8)]
    for slave in slaves:
        slave.start()
    for slave in slaves:
        slave.join()
    assert sorted(taken) == names


def test_a_reservation_outlives_the_process_that_made_it(
    store: Store, another_store: Callable[[], Store]
) -> None:
    fill(store, package("a"))
    make_candidates(store, a=1)
    _reserve(store)
    store.close()
    assert [held.package for held in another_store().reservations(SID)] == ["a"]
