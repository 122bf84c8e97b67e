"""Many slaves at once, each with a connection of its own, and a refresh between them: nobody waits for ever, nothing
is given to two, and what a row of a package says of itself is true."""

from __future__ import annotations

import random
import threading
from contextlib import closing
from datetime import timedelta

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store import StoreError, open_store
from piufarm.store.attempts import NewTrouble, Reservation
from piufarm.store.model import Store
from piufarm.store.sql.store import SqlStore
from piufarm.trouble import TroubleKind
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result

_NAMES = [f"p{number:02}" for number in range(40)]
_SLAVES = 5
_TURNS = 30
_RETRIES = 4


def _fill(store: Store) -> None:
    fill(store, *map(package, _NAMES))
    make_candidates(store, **dict.fromkeys(_NAMES, 1))


class _Slave:
    """Takes packages, and ends what it has in any way that there is; its time goes faster than that of others."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self._name = f"worker{number}"
        self._random = random.Random(number)
        self._now = NOON
        self._held: list[Reservation] = []

    def work(self) -> None:
        for _ in range(_TURNS):
            self._now += self._random.choice([timedelta(0), timedelta(minutes=1), HOUR])
            self._store.note_contact(SID, slave=self._name, now=self._now)
            self._store.expire_reservations(SID, now=self._now, max_retries=_RETRIES)
            self._take()
            while self._held and self._random.random() < 0.7:
                self._end(self._held.pop(self._random.randrange(len(self._held))))
            self._store.resume_slave(self._name)

    def _take(self) -> None:
        retest = self._random.random() < 0.3
        deadline = self._now + HOUR
        if self._random.random() < 0.5:
            self._held += self._store.lease(
                SID, owner=self._name, count=4, now=self._now, deadline=deadline, retest=retest
            )
        else:
            found = self._store.reserve(SID, owner=self._name, now=self._now, deadline=deadline, retest=retest)
            self._held += [found] if found else []
        self._store.renew(SID, owner=self._name, deadline=deadline, since=self._now - HOUR)

    def _end(self, held: Reservation) -> None:
        run_id = f"{self._name}-{self._random.getrandbits(48):x}"
        match self._random.randrange(5):
            case 0:
                self._store.unreserve(SID, held.package, held.version, owner=self._name, now=self._now)
            case 1:
                new = NewTrouble(
                    run_id, held.package, held.version, TroubleKind.DISK, self._name, self._now, 0, run_id
                )
                self._store.record_trouble(SID, new, max_retries=_RETRIES)
            case 2:
                self._store.queue_recycle(SID, [held.package], now=self._now)
            case _:
                outcome = self._random.choice(list(Outcome))
                new_run = result(
                    held.package, outcome=outcome, slave=self._name, run_id=run_id, log=run_id.encode(), at=self._now
                )
                self._store.record_run(SID, new_run)


def test_whatever_slaves_do_at_once_rows_tell_the_truth(store: Store, store_url: str) -> None:
    _fill(store)
    failures: list[StoreError] = []

    def work(number: int) -> None:
        with closing(open_store(store_url)) as mine:
            try:
                _Slave(mine, number).work()
            except StoreError as error:
                failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(_SLAVES)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        fill(store, *map(package, _NAMES))
        waiting = [row.name for row in store.packages(SID, PackageState.UNKNOWN)]
        make_candidates(store, **dict.fromkeys(waiting, 1))
    for thread in threads:
        thread.join()
    assert [str(failure) for failure in failures] == []
    _check(store)


def _check(store: Store) -> None:
    assert isinstance(store, SqlStore)
    held = {(one.package, one.version) for one in store.reservations(SID)}
    back = {(one.package, one.version) for one in store.holds(SID)}
    marked = {(one.package, one.version) for one in store.recycle_queue(SID)}
    with store._database.read() as cursor:
        rows = cursor.execute(
            "SELECT package.name, test_version, free, retest_rank FROM package JOIN section"
            " ON section.id = section_id AND section.generation = package.generation"
        ).fetchall()
    assert len(rows) == len(_NAMES)
    for name, version, free, rank in rows:
        what = Package(name), Version(version)
        assert bool(free) is (what not in held and what not in back), name
        assert bool(rank) is (what in marked), name
    current = [run.package for run in store.runs(SID, current_only=True)]
    assert len(current) == len(set(current))
