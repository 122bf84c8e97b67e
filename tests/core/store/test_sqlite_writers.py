"""Writers of one SQLite file: their turns, and the log that they write."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from piufarm.store import StoreError, open_store
from piufarm.store.sqlite import locks
from piufarm.store.sqlite.database import SqliteDatabase
from tests.core.store.builders import SID, fill, package, result
from tests.support.wait import wait_until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A new store."""
    path = tmp_path / "farm.sqlite"
    open_store(f"sqlite://{path}").close()
    return path


@pytest.fixture
def suspended_writer(file: Path) -> Iterator[int]:
    """A process that has stopped in the middle of a transaction."""
    child = os.fork()
    if child == 0:
        with SqliteDatabase(file, create=False).write() as cursor:
            cursor.execute("INSERT INTO section (name) VALUES ('half')")
            os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    wait_until(lambda: Path(f"/proc/{child}/stat").read_text().split()[2] == "T", "the child's stop")
    yield child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_writer_that_takes_for_ever_is_told_and_readers_do_not_mind(
    file: Path, suspended_writer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WAIT_SECONDS", 0.2)
    handler = signal.getsignal(signal.SIGALRM)
    with closing(open_store(f"sqlite://{file}")) as store:
        assert store.sections() == []
        with pytest.raises(StoreError, match="another process has been writing") as caught:
            store.record_run(SID, result("a"))
        assert caught.value.hint is not None
        assert "suspended" in caught.value.hint
        os.kill(suspended_writer, signal.SIGCONT)
        wait_until(lambda: [row.name for row in store.sections()] == ["half"], "the other's commit")
        store.record_run(SID, result("a"))
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_in_a_thread_the_same_without_a_signal(
    file: Path, suspended_writer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WAIT_SECONDS", 0.1)
    said: list[str] = []

    def write() -> None:
        with closing(open_store(f"sqlite://{file}")) as store:
            try:
                store.record_run(SID, result("a"))
            except StoreError as error:
                said.append(error.message)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert "another process has been writing" in said[0]


def test_a_writer_that_is_killed_leaves_the_turn_to_the_next(file: Path, suspended_writer: int) -> None:
    os.kill(suspended_writer, signal.SIGKILL)
    with closing(open_store(f"sqlite://{file}")) as store:
        store.record_run(SID, result("a"))
        assert [row.name for row in store.sections()] == [SID]


def test_whoever_is_first_to_write_makes_a_lock_file_for_all_who_may(file: Path) -> None:
    file.chmod(0o660)
    os.chown(file, 65534, 65534)
    with closing(open_store(f"sqlite://{file}")) as store:
        store.record_run(SID, result("a"))
    lock = file.with_name("farm.sqlite-lock").stat()
    assert (lock.st_uid, lock.st_gid, lock.st_mode & 0o777) == (65534, 65534, 0o660)


def _salts(log: Path) -> bytes:
    """What changes in the log's header when it begins anew (SQLite, "WAL-mode File Format")."""
    return log.read_bytes()[16:24]


def test_the_log_begins_anew_although_nobody_closes_the_file(file: Path) -> None:
    log = file.with_name("farm.sqlite-wal")
    numbers = count(6)
    with closing(open_store(f"sqlite://{file}")) as store, closing(open_store(f"sqlite://{file}")):
        for number in range(6):
            fill(store, *(package(f"p{index:05}", f"{number}") for index in range(3000)))
            store.record_run(SID, result("a", run_id=f"{number}", log=b"%d" % number))
        salts = _salts(log)

        def is_begun_anew() -> bool:
            again = next(numbers)
            store.record_run(SID, result("a", run_id=f"{again}", log=b"%d" % again))
            return _salts(log) != salts

        wait_until(is_begun_anew, "a new log: the old one is moved a few times a second at most")


def test_a_reader_that_takes_its_time_lets_the_log_grow_but_nothing_fail(file: Path) -> None:
    with closing(open_store(f"sqlite://{file}")) as store:
        fill(store, *(package(f"p{index:05}") for index in range(3000)))
        rows = store.packages(SID)
        next(rows)
        for number in range(3):
            fill(store, *(package(f"p{index:05}", f"{number}") for index in range(3000)))
        assert len(list(rows)) == 2999
        store.record_run(SID, result("a"))
        assert store.counts(SID)


def test_what_the_disk_has_refused_to_sync_is_written_a_second_time_and_not_acknowledged(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    copy = tmp_path / "without-its-log.sqlite"
    with closing(open_store(f"sqlite://{file}")) as store:
        with monkeypatch.context() as broken_disk:
            broken_disk.setattr(os, "fdatasync", fail)
            with pytest.raises(StoreError, match="Input/output error"):
                store.record_run(SID, result("a"))
        shutil.copy(file, copy)
        assert store.record_run(SID, result("a")).duplicate
    with closing(open_store(f"sqlite://{copy}")) as store:
        assert [run.package for run in store.runs(SID)] == ["a"]
