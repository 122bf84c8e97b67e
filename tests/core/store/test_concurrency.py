"""Several processes at one store, as the sessions of many slaves, a refresh and an evaluation are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.attempts import NewTrouble
from piufarm.store.model import ComputedState, Reservation, Standing, Store
from piufarm.store.sql.store import SqlStore
from piufarm.trouble import TroubleKind
from tests.core.store.builders import NOON, SID, fill, make_candidates, package, result
from tests.core.store.processes import in_processes

_PROCESSES: Final = 4
_PACKAGES: Final = 60
_ROUNDS: Final = 40


def _fill(store: Store, number: int = _PACKAGES) -> None:
    names = [f"p{index:03}" for index in range(number)]
    fill(store, *(package(name, depends="p000") for name in names))
    make_candidates(store, **{name: index % 7 for index, name in enumerate(names)})


def _test_all(worker: int, url: str) -> list[str]:
    """Reserve and report until there is nothing left; returns what was acknowledged."""
    done = []
    owner = f"worker{worker}"
    with closing(open_store(url)) as store:
        while (held := store.reserve(SID, owner=owner, now=NOON, deadline=NOON + timedelta(hours=1))) is not None:
            store.record_run(SID, result(held.package, slave=owner))
            done.append(str(held.package))
            store.release()
    return done


def test_each_package_is_handed_out_once_and_no_result_is_lost(store: Store, store_url: str) -> None:
    _fill(store)
    before = store.change_counter(SID)
    done = in_processes(_PROCESSES, _test_all, store_url)
    assert sorted(name for names in done for name in names) == [f"p{index:03}" for index in range(_PACKAGES)]
    assert {run.standing for run in store.runs(SID)} == {Standing.CURRENT}
    assert store.counts(SID)[PackageState.SUCCESSFULLY_TESTED] == _PACKAGES
    assert store.change_counter(SID) == before + _PACKAGES
    assert store.reservations(SID) == []
    assert sum(len(slave.attempts) for slave in store.slaves()) == _PACKAGES


def _lease(worker: int, url: str) -> list[str]:
    owner = f"worker{worker}"
    with closing(open_store(url)) as store:
        store.note_contact(SID, slave=owner, now=NOON)
        held: list[str] = []
        while leased := store.lease(SID, owner=owner, count=9, now=NOON, deadline=NOON + timedelta(hours=1)):
            held += (one.package for one in leased)
        return held


def test_leases_never_overlap(store: Store, store_url: str) -> None:
    _fill(store)
    held = Counter(name for names in in_processes(_PROCESSES, _lease, store_url) for name in names)
    assert held == {f"p{index:03}": 1 for index in range(_PACKAGES)}
    assert {one.owner for one in store.reservations(SID)} <= {f"worker{number}" for number in range(_PROCESSES)}


def _report_the_same(worker: int, url: str) -> tuple[str, bool]:
    with closing(open_store(url)) as store:
        recorded = store.record_run(SID, result("p001", slave=f"worker{worker}", log=f"{worker}\n".encode()))
        return recorded.run.standing.value, recorded.duplicate


def test_of_results_of_one_version_at_the_same_moment_one_is_current(store: Store, store_url: str) -> None:
    _fill(store, 3)
    standings = Counter(standing for standing, _ in in_processes(_PROCESSES, _report_the_same, store_url))
    assert standings == {"current": 1, "unreserved": _PROCESSES - 1}
    assert [run.standing for run in store.runs(SID, current_only=True)] == [Standing.CURRENT]


def _open_and_report(worker: int, url: str) -> None:
    with closing(open_store(url)) as store:
        store.record_run(SectionName("new"), result("a", slave=f"worker{worker}", log=b"%d" % worker))


def test_a_section_that_is_new_to_several_at_once_is_entered_once(store_url: str) -> None:
    in_processes(_PROCESSES, _open_and_report, store_url)
    with closing(open_store(store_url)) as store:
        assert [row.name for row in store.sections()] == ["new"]
        assert len(list(store.runs(SectionName("new")))) == _PROCESSES


class _Slave:
    """Does whatever sessions do, in an order of its own; keeps what it was promised."""

    def __init__(self, store: Store, number: int) -> None:
        self.acknowledged: list[str] = []
        self._store = store
        self._owner = f"worker{number}"
        self._random = random.Random(number)
        self._held: list[Reservation] = []
        self._numbers = count()
        self._now = NOON

    def act(self) -> None:
        self._now += timedelta(seconds=30)
        acts: list[Callable[[], None]] = [self._reserve, self._reserve, self._finish, self._finish, self._other]
        self._random.choice(acts)()

    def _reserve(self) -> None:
        retest = self._random.random() < 0.3
        deadline = self._now + timedelta(minutes=self._random.choice((1, 60)))
        self._store.note_contact(SID, slave=self._owner, now=self._now)
        self._held += self._store.lease(
            SID, owner=self._owner, count=3, now=self._now, deadline=deadline, retest=retest
        )

    def _finish(self) -> None:
        if not self._held:
            return
        held = self._held.pop()
        run_id = f"{self._owner}-{next(self._numbers)}"
        match self._random.randrange(4):
            case 0:
                self._store.unreserve(SID, held.package, held.version, owner=self._owner, now=self._now)
            case 1:
                trouble = NewTrouble(
                    run_id, held.package, held.version, TroubleKind.NETWORK, self._owner, self._now, 3, run_id
                )
                self._store.record_trouble(SID, trouble, max_retries=5)
            case _:
                outcome = self._random.choice((Outcome.PASS, Outcome.FAIL))
                log, who, at = f"{run_id}\n".encode(), self._owner, self._now
                self._store.record_run(
                    SID, result(held.package, held.version, outcome, slave=who, run_id=run_id, log=log, at=at)
                )
                self.acknowledged.append(run_id)
                around = self._store.neighbourhood(SID, held.package, limit=100)
                if around is not None:
                    states = {Package(node.name): _good(node.name) for node in around.dependents}
                    self._store.reconsidered(SID, states, around=around)

    def _other(self) -> None:
        match self._random.randrange(4):
            case 0:
                hour = timedelta(hours=1)
                self._store.renew(SID, owner=self._owner, deadline=self._now + hour, since=self._now - hour)
            case 1:
                self._store.expire_reservations(SID, now=self._now, max_retries=5)
            case 2:
                names = [Package(f"p{self._random.randrange(_PACKAGES):03}") for _ in range(5)]
                self._store.queue_recycle(SID, names, now=self._now)
            case _:
                self._store.release()


def _good(name: str) -> ComputedState:
    return ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready", 1, len(name), retestable=True)


def _state(name: str, outcome: Outcome | None) -> ComputedState:
    match outcome:
        case None:
            return _good(name)
        case Outcome.PASS:
            return ComputedState(PackageState.SUCCESSFULLY_TESTED, "passed")
        case _:
            return ComputedState(PackageState.FAILED_TESTING, "failed", retestable=True)


def _work(number: int, url: str) -> list[str]:
    with closing(open_store(url)) as store:
        if number == 0:
            for _ in range(_ROUNDS // 4):
                _evaluate(store)
            return []
        if number == 1:
            for index in range(_ROUNDS // 8):
                _refresh(store, index)
            return []
        slave = _Slave(store, number)
        for _ in range(_ROUNDS):
            slave.act()
        return slave.acknowledged


def _evaluate(store: Store) -> None:
    snapshot = store.snapshot(SID)
    states = {Package(node.name): _good(node.name) for node in snapshot.nodes if node.outcome is None}
    store.set_states(SID, states, evaluated=snapshot)


def _refresh(store: Store, index: int) -> None:
    known = store.circumstances(SID)
    packages = [package(f"p{number:03}", depends="p000") for number in range(_PACKAGES)]
    states = {one.name: _state(one.name, known.outcomes.get((one.name, one.test_version))) for one in packages}
    store.replace_packages(
        SID, packages, index_digest=f"{index}", now=datetime.now(UTC), states=states, evaluated=known
    )
    store.retire(SID, [run.run_id for run in store.runs_out_of_place(SID)])
    store.record_daily_counts(SID, NOON.date())


def test_whatever_sessions_a_refresh_and_evaluations_do_at_once_nothing_is_lost_or_left_wrong(
    store: Store, store_url: str
) -> None:
    _fill(store)
    acknowledged = [run_id for done in in_processes(6, _work, store_url) for run_id in done]
    assert {run.run_id for run in store.runs(SID)} == set(acknowledged)
    assert isinstance(store, SqlStore)
    assert list(_contradictions(store)) == []


def _contradictions(store: SqlStore) -> Iterator[tuple[object, ...]]:
    """Rows of packages that do not say what the other tables do."""
    with store._database.read() as cursor:
        yield from cursor.execute(
            """
            SELECT name, free, retest_rank, held, marked FROM (
                SELECT p.name, p.free, p.retest_rank,
                    EXISTS (SELECT 1 FROM reservation AS r WHERE r.section_id = p.section_id AND r.package = p.name
                        AND r.version = p.test_version)
                    OR EXISTS (SELECT 1 FROM hold AS h WHERE h.section_id = p.section_id AND h.package = p.name
                        AND h.version = p.test_version) AS held,
                    EXISTS (SELECT 1 FROM recycle AS m WHERE m.section_id = p.section_id AND m.package = p.name
                        AND m.version = p.test_version) AS marked
                FROM package AS p JOIN section AS s ON s.id = p.section_id AND s.generation = p.generation) AS found
            WHERE (free = 1 AND held) OR (free = 0 AND NOT held) OR (retest_rank > 0) <> marked
            """
        ).fetchall()
        yield from cursor.execute(
            """
            SELECT p.name, p.state, r.outcome FROM package AS p
            JOIN section AS s ON s.id = p.section_id AND s.generation = p.generation
            JOIN run AS r ON r.section_id = p.section_id AND r.package = p.name AND r.version = p.test_version
                AND r.standing = 'current'
            WHERE (r.outcome = 'pass') <> (p.state = 'successfully-tested')
            """
        ).fetchall()
