"""Carrying a store to another database: everything arrives, and nothing is lost whatever ends it early."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pytest

from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.run import clean_environment, run
from piufarm.store import StoreError, open_database, open_store
from piufarm.store.attempts import NewTrouble
from piufarm.store.model import Store
from piufarm.store.moving import Contents, Places, move
from piufarm.store.sql.tables import tables
from piufarm.trouble import TroubleKind
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result
from tests.support.clone import CLONE
from tests.support.postgresql import PostgresqlServer
from tests.support.wait import wait_until

_OTHER: Final = SectionName("tarball/sid")


@pytest.fixture
def target_url(store_kind: str, tmp_path: Path, postgresql_server: PostgresqlServer, second_database: str) -> str:
    """A store of the other kind that does not exist yet."""
    if store_kind == "postgresql":
        return f"sqlite://{tmp_path}/moved.sqlite"
    return postgresql_server.cleared(second_database)


@pytest.fixture(scope="session")
def second_database(postgresql_server: PostgresqlServer) -> str:
    """The URL of a database to move to."""
    return postgresql_server.new_database()


def _live(store: Store, packages: int = 4) -> None:
    """A row of nearly everything."""
    fill(
        store,
        package("base", provides="virtual"),
        package("user", "2", depends="base | other, !virtual"),
        *(package(f"p{number:04}", "1:2+u~") for number in range(packages)),
    )
    make_candidates(store, base=5, p0001=3, p0002=2, p0003=1)
    for number, owner in enumerate(("worker1", None, "worker2")):
        store.reserve(SID, owner=owner, now=NOON, deadline=NOON + (number + 1) * HOUR)
    store.note_contact(SID, slave="worker1", now=NOON)
    store.record_run(SID, result("base", slave="worker1"))
    store.record_run(SID, result("base", outcome=Outcome.FAIL, slave="stranger", at=NOON + HOUR))
    store.record_trouble(
        SID,
        NewTrouble("t1", Package("p0002"), Version("1:2+u~"), TroubleKind.DISK, "worker2", NOON, 3, "00"),
        max_retries=1,
    )
    store.expire_reservations(SID, now=NOON + 9 * HOUR, max_retries=9)
    store.queue_recycle(SID, [Package("base")], now=NOON)
    store.record_daily_counts(SID, date(2026, 11, 20))
    store.record_run(_OTHER, result("lonely"))
    store.look_into(_OTHER, [SID])


def _move(source: str, target: str) -> dict[str, Contents]:
    with (
        closing(open_database(source, create=False, any_version=True)) as old,
        closing(open_database(target, create=True, any_version=True)) as new,
    ):
        return move(old, new, Places("OLD", "NEW"), lambda table, rows: None)


def _rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    with closing(open_database(url, create=False)) as database, database.read() as cursor:
        return {
            name: cursor.execute(f"SELECT {', '.join(columns)} FROM {name} ORDER BY {', '.join(key)}").fetchall()
            for name, columns, key, _ in tables().values()
        }


def test_everything_arrives_and_the_old_store_is_closed(store: Store, store_url: str, target_url: str) -> None:
    _live(store, 2100)  # more than one batch
    before = _rows(store_url)
    carried = _move(store_url, target_url)
    assert {name: contents.rows for name, contents in carried.items()} == {
        name: len(rows) for name, rows in before.items()
    }
    assert _rows(target_url) == before
    with pytest.raises(StoreError, match="has moved") as caught:
        open_store(store_url)
    assert caught.value.hint is not None


def test_nearly_every_table_was_tried() -> None:
    """Or the other tests would not see that a new one is left out."""
    assert list(tables()) == [
        "section", "looks_into", "package", "dependents", "run", "classification", "reservation", "lapsed", "trouble",
        "hold", "recycle", "slave", "contact", "daily_count",
    ]  # fmt: skip


def test_the_farm_goes_on_in_the_new_store(store: Store, store_url: str, target_url: str) -> None:
    _live(store)
    _move(store_url, target_url)
    with closing(open_store(target_url, create=False)) as moved:
        reserved = moved.reserve(SID, owner="worker1", now=NOON, deadline=NOON + timedelta(hours=1))
        assert reserved is not None
        moved.record_run(SID, result(reserved.package, reserved.version, slave="worker1", at=NOON + 2 * HOUR))
        moved.record_run(SectionName("new"), result("a"))
        fill(moved, package("base"), package("new"), digest="later")
        assert [row.name for row in moved.packages(SID)] == ["base", "new"]


def test_who_has_the_old_store_open_can_do_nothing_in_it_any_more(
    store: Store, store_url: str, target_url: str
) -> None:
    _live(store)
    _move(store_url, target_url)
    with pytest.raises(StoreError):
        store.record_run(SID, result("p0003"))
    with pytest.raises(StoreError):
        store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)


def test_who_wants_to_write_meanwhile_waits_and_is_refused(
    store: Store, store_kind: str, store_url: str, target_url: str, another_store: Callable[[], Store]
) -> None:
    """With the rows that it has looked at before it waits it must not be in the way of closing the old store."""
    _live(store)
    writer = another_store()
    with (
        closing(open_database(store_url, create=False)) as old,
        closing(open_database(target_url, create=True)) as new,
        ThreadPoolExecutor() as threads,
    ):
        waiting: list[Future[None]] = []

        def begin(table: str, rows: int) -> None:
            if not waiting:
                waiting.append(threads.submit(_come, writer))
                if store_kind == "postgresql":
                    wait_until(lambda: _somebody_waits(store_url), "a writer that waits", seconds=20)
                    time.sleep(1.2)  # then the server looks for a deadlock no more, on behalf of this one

        move(old, new, Places("OLD", "NEW"), begin)
        with pytest.raises(StoreError):
            waiting[0].result()


def _come(store: Store) -> None:
    """Reads a row of the section first."""
    store.note_contact(SID, slave="worker1", now=NOON + 2 * HOUR)


def _somebody_waits(url: str) -> bool:
    with closing(open_database(url, create=False)) as database, database.read() as cursor:
        return cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None


def test_a_target_that_holds_something_is_refused_and_left_alone(
    store: Store, store_url: str, target_url: str
) -> None:
    _live(store)
    with closing(open_store(target_url)) as taken:
        taken.record_run(SID, result("mine"))
    with pytest.raises(StoreError, match="NEW is not empty") as caught:
        _move(store_url, target_url)
    assert caught.value.hint is not None
    with closing(open_store(target_url)) as taken:
        assert [run.package for run in taken.runs(SID)] == ["mine"]
    store.record_run(SID, result("p0003"))  # the old one is open


_PROGRAM: Final = (
    "import sys; from tests.core.store.test_moving import _move; _move(sys.argv[1], sys.argv[2])"
)


@pytest.mark.parametrize(
    "point", ["move.target-emptied", "move.batch-loaded:kill:3", "move.carried", "move.source-closed"]
)
def test_a_move_that_is_killed_can_be_done_again(
    store: Store, store_url: str, target_url: str, point: str
) -> None:
    _live(store)
    store.release()
    before = _rows(store_url)
    killed = run(
        [sys.executable, "-c", _PROGRAM, store_url, target_url],
        env=clean_environment(
            PYTHONPATH=str(CLONE), PIUFARM_FAULTS=point if ":" in point else f"{point}:kill"
        ),
        check=False,
    )
    assert killed.status == -9, killed.stderr
    with pytest.raises(StoreError, match="incomplete") as caught:
        open_store(target_url)
    assert caught.value.hint is not None
    if point != "move.source-closed":
        store.record_run(_OTHER, result("meanwhile"))
    _move(store_url, target_url)
    after = _rows(target_url)
    assert {**after, "run": None, "section": None} == {**before, "run": None, "section": None, "slave": after["slave"]}
    assert len(after["run"]) == len(before["run"]) + (point != "move.source-closed")


def test_what_did_not_arrive_is_seen(
    store: Store, store_url: str, target_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _live(store)
    with (
        closing(open_database(store_url, create=False)) as old,
        closing(open_database(target_url, create=True)) as new,
    ):
        settle = new.settle

        def spoil(*names: str) -> None:
            settle(*names)
            with new.write() as cursor:
                cursor.execute("UPDATE run SET outcome = 'pass' WHERE outcome = 'fail'")

        monkeypatch.setattr(new, "settle", spoil)
        with pytest.raises(StoreError, match="NEW does not hold the same in run as OLD"):
            move(old, new, Places("OLD", "NEW"), lambda table, rows: None)
    store.record_run(SID, result("p0003"))


def test_a_store_that_has_moved_takes_no_other_in(
    store: Store, store_url: str, target_url: str, another_store: Callable[[], Store]
) -> None:
    _live(store)
    _move(store_url, target_url)
    with pytest.raises(StoreError, match="NEW has moved"):
        _move(target_url, store_url)
    with pytest.raises(StoreError, match="OLD has moved"):
        _move(store_url, target_url)
