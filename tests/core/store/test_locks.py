"""Named locks, on both kinds of store."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing

from piufarm.store import open_store
from piufarm.store.model import Store
from tests.core.store.builders import SID, result
from tests.core.store.processes import in_processes
from tests.support.wait import wait_until


def test_a_lock_is_had_by_one_at_a_time(store: Store, another_store: Callable[[], Store]) -> None:
    other = another_store()
    with store.exclusive("refresh sid") as mine:
        assert mine
        with other.exclusive("refresh sid") as theirs:
            assert not theirs
        with store.exclusive("refresh sid") as again:
            assert not again
        assert other.is_held("refresh sid")
    with other.exclusive("refresh sid") as theirs:
        assert theirs


def test_locks_of_other_names_are_other_locks(store: Store, another_store: Callable[[], Store]) -> None:
    with store.exclusive("refresh tarball/sid") as mine, another_store().exclusive("evaluate tarball/sid") as theirs:
        assert mine
        assert theirs
        assert not store.is_held("refresh tarball")


def test_nobody_has_a_lock_that_was_never_asked_for(store: Store) -> None:
    assert not store.is_held("refresh sid")


def test_who_has_a_lock_can_write_and_release_the_connection(store: Store) -> None:
    with store.exclusive("refresh sid"):
        store.record_run(SID, result("a"))
        store.release()
        assert store.is_held("refresh sid")
        store.record_run(SID, result("b"))
    assert not store.is_held("refresh sid")


def test_a_lock_that_was_given_up_is_free_at_once(store: Store) -> None:
    """Who gives it up looks for more work after that, and who finds it taken leaves the work to its holder."""
    for _ in range(200):
        with store.exclusive("evaluate sid"):
            pass
        assert not store.is_held("evaluate sid")


def _take_for_a_moment(number: int, url: str) -> int:
    """How often this process had the lock while it looked for others who have it."""
    had = 0
    with closing(open_store(url)) as store:
        for _ in range(20):
            with store.exclusive("one at a time") as mine:
                if mine:
                    had += 1
                    store.record_run(SID, result("a", run_id=f"{number}-{had}", log=b"%d-%d" % (number, had)))
    return had


def test_processes_exclude_each_other(store: Store, store_url: str) -> None:
    assert sum(in_processes(3, _take_for_a_moment, store_url)) == len(list(store.runs(SID)))


def test_a_lock_ends_with_its_holder_however_that_ends(store: Store, store_url: str) -> None:
    child = os.fork()
    if child == 0:
        with open_store(store_url).exclusive("refresh sid"):
            time.sleep(3600)
    try:
        wait_until(lambda: store.is_held("refresh sid"), "the child's lock")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    wait_until(lambda: not store.is_held("refresh sid"), "the end of the lock")
