"""Leases, troubles and compressed logs: what a slave does with a master that understands more."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pytest

from piufarm.outcome import Outcome
from piufarm.protocol import Feature
from piufarm.protocol.messages import Renew, SlaveMessage
from piufarm.slave.events import Event, Phase
from piufarm.slave.job.testrun import Exit
from piufarm.slave.lease import Lease
from piufarm.slave.loop import Until
from piufarm.slave.section import Mode
from piufarm.trouble import TroubleKind
from tests.slave.worker.bench import TARGET, Bench, reserved

OWN = {"chroot-backend": "overlay"}


def at_renewal(bench: Bench, act: Callable[[], None]) -> None:
    """Do this once, when the lease is renewed while a test runs."""
    left = [act]

    def watch(message: SlaveMessage) -> None:
        if isinstance(message, Renew) and left and bench.told(Phase.TESTING):
            left.pop()()

    bench.master.on_request = watch


@pytest.fixture
def rich(bench: Bench) -> Bench:
    """A master that understands everything."""
    bench.dialects.forget(TARGET)
    bench.master.features = frozenset(Feature)
    bench.configure()
    return bench


def offering(bench: Bench, *names: str) -> None:
    bench.publish(*names)
    bench.master.offers = [(name, "1") for name in names]


def lease_of(bench: Bench) -> Lease:
    return Lease(bench.place.directory / "small" / "lease")


def slow(bench: Bench, name: str, seconds: float) -> None:
    """Let the tester take its time for one package."""
    script = bench.tester.read_text()
    bench.tester.write_text(script.replace("    *) echo", f"    {name}=*) sleep {seconds};&\n    *) echo"))


def test_a_batch_is_taken_at_once(rich: Bench) -> None:
    offering(rich, *"abcdefg")
    assert rich.turn() == 5
    assert rich.master.heard == [
        "section small", "features", "idle", "lease", "status",
        "section small", "features", "pass a 1", "pass b 1", "pass c 1", "pass d 1", "pass e 1",
    ]  # fmt: skip
    assert list(rich.outcomes()) == list("abcde")
    assert rich.master.held == []


def test_when_the_master_has_nothing_nothing_is_leased(rich: Bench) -> None:
    rich.publish("good")
    worker = rich.worker()
    assert worker.turn(Mode.NORMAL) == 0
    assert worker.wake == 300.0
    assert lease_of(rich).term() is None and not lease_of(rich).was_asked()


def test_packages_to_be_tested_again_are_leased_too(rich: Bench) -> None:
    rich.publish("again")
    rich.master.recycle_offers = [("again", "1")]
    assert rich.loop(Until.ONE_ROUND) == 0
    assert set(rich.master.results) == {"pass/again_1"}


def test_a_lease_is_renewed_while_a_test_runs(rich: Bench) -> None:
    offering(rich, "long", "good")
    rich.master.lease_seconds = 2
    slow(rich, "long", 3.5)
    assert rich.turn() == 2
    assert rich.master.heard.count("renew") >= 2
    assert rich.told(Phase.TAKEN_AWAY) == []
    assert set(rich.master.results) == {"pass/long_1", "pass/good_1"}
    rich.place.masters.close()
    assert rich.master.open == 0


def test_what_the_master_has_given_to_others_is_not_tested(rich: Bench) -> None:
    offering(rich, "long", "lost", "good")
    rich.master.lease_seconds = 2
    slow(rich, "long", 2.5)

    at_renewal(rich, lambda: rich.master.held.remove(("lost", "1")))
    assert rich.turn() == 2
    assert set(rich.master.results) == {"pass/long_1", "pass/good_1"}
    assert rich.told(Phase.TAKEN_AWAY) == ["lost_1.log"]
    assert rich.master.unreserved == []
    assert rich.files() == []


def test_a_package_that_is_lost_while_it_is_tested_is_reported_all_the_same(rich: Bench) -> None:
    offering(rich, "long")
    rich.master.lease_seconds = 2
    slow(rich, "long", 2.5)
    at_renewal(rich, rich.master.held.clear)
    assert rich.turn() == 1
    assert set(rich.master.results) == {"pass/long_1"}


def test_a_master_that_goes_away_while_a_test_runs_does_not_stop_the_tests(rich: Bench) -> None:
    offering(rich, "long", "good")
    rich.master.lease_seconds = 2
    slow(rich, "long", 2.5)
    at_renewal(rich, lambda: setattr(rich.master, "down", True))
    assert rich.turn() == 2
    assert list(rich.outcomes()) == ["long", "good"]
    assert [text for text in rich.told(Phase.NOTE) if text.startswith("cannot renew the lease now: ")]
    assert rich.files() == ["pass/good_1.log", "pass/long_1.log"]
    rich.master.down = False
    rich.time = 2000.0
    rich.turn(Mode.FLUSH)
    assert set(rich.master.results) == {"pass/long_1", "pass/good_1"}


def left_by_a_former_life(bench: Bench, *names: str, seconds_left: float, still_held: tuple[str, ...]) -> None:
    bench.publish(*names)
    for name in names:
        bench.spool().reserve(reserved(name))
    lease_of(bench).begin(1800, asked_at=time.time() - 1800 + seconds_left)
    bench.master.held = [(name, "1") for name in still_held]


def test_a_slave_that_was_away_for_long_asks_what_is_still_its_own(rich: Bench) -> None:
    left_by_a_former_life(rich, "a", "b", seconds_left=-5, still_held=("b",))
    assert rich.turn() == 1
    assert rich.master.heard[:3] == ["section small", "features", "renew"]
    assert rich.told(Phase.TAKEN_AWAY) == ["a_1.log"]
    assert set(rich.master.results) == {"pass/b_1"}


def test_a_slave_that_was_away_for_a_moment_goes_on_without_asking(rich: Bench) -> None:
    left_by_a_former_life(rich, "a", seconds_left=1000, still_held=("a",))
    assert rich.turn() == 1
    assert rich.master.heard == ["section small", "features", "pass a 1"]


@pytest.mark.parametrize(("seconds_left", "tested"), [(300, 1), (-300, 0)])
def test_without_the_master_what_is_leased_is_tested_as_long_as_the_lease_lasts(
    rich: Bench, seconds_left: float, tested: int
) -> None:
    rich.loop(Until.ONE_ROUND)  # makes the base
    left_by_a_former_life(rich, "a", seconds_left=seconds_left, still_held=("a",))
    rich.master.down = True
    rich.start_again()
    assert rich.turn() == tested
    assert rich.files() == (["pass/a_1.log"] if tested else ["reserved/a_1.log"])


def test_packages_of_a_lease_whose_reply_was_lost_are_found_again(rich: Bench) -> None:
    offering(rich, "a", "b")
    rich.spool()

    class Dead(BaseException):
        pass

    def die(event: Event) -> None:
        if event.phase is Phase.RESERVED:
            raise Dead  # as if killed: the first package is on disk, the second is not

    rich.on_event = die
    with pytest.raises(Dead):
        rich.turn()
    rich.on_event = lambda _: None
    assert rich.files() == ["reserved/a_1.log"]
    rich.master.open = 0
    rich.start_again()
    assert rich.turn() == 2
    assert set(rich.master.results) == {"pass/a_1", "pass/b_1"}
    assert rich.master.held == []


def test_a_lease_that_was_answered_by_nothing_is_cleared_up_by_the_next_one(rich: Bench) -> None:
    offering(rich, "a")
    worker = rich.worker()
    rich.master.hangs_up_on = "lease"
    worker.turn(Mode.NORMAL)
    assert lease_of(rich).was_asked()
    rich.master.held = [("late", "1")]  # it was reserved nevertheless
    rich.publish("a", "late")
    rich.time = worker.wake
    assert worker.turn(Mode.NORMAL) == 1
    assert set(rich.master.results) == {"pass/late_1"}
    assert worker.turn(Mode.NORMAL) == 1
    assert set(rich.master.results) == {"pass/late_1", "pass/a_1"}


def test_what_another_slave_of_the_host_has_in_its_hands_is_left_to_it(rich: Bench) -> None:
    offering(rich, "a")
    sibling = rich.place.directory.parent / "2" / "small" / "reserved"
    sibling.mkdir(parents=True)
    (sibling / "theirs_1.log").touch()
    rich.spool()
    lease_of(rich).ask()
    rich.master.held = [("theirs", "1")]
    assert rich.turn() == 1
    assert set(rich.master.results) == {"pass/a_1"}


def test_an_interrupt_gives_leased_packages_back(rich: Bench) -> None:
    offering(rich, "interrupt", "good")
    assert rich.loop(Until.FOREVER) == 1
    assert set(rich.master.results) == {"pass/interrupt_1"}
    assert rich.master.unreserved == [("good", "1")]
    assert rich.master.held == []
    assert lease_of(rich).term() is None


def test_a_clock_that_was_set_back_makes_a_renewal_due(rich: Bench) -> None:
    rich.spool()
    now = [1_000_000.0]
    lease = Lease(lease_of(rich).path, clock=lambda: now[0])
    lease.begin(1800, asked_at=now[0])
    assert lease.seconds_to_renewal() == 900
    now[0] -= 86400
    assert lease.seconds_to_renewal() == 0


# -- troubles


def test_trouble_is_given_to_the_master_with_its_kind_and_its_evidence(rich: Bench) -> None:
    rich.configure({"piuparts-command": rich.own_tester, **OWN})
    offering(rich, "trouble", "good")
    assert rich.turn() == 2
    assert rich.master.unreserved == []
    kind, evidence = rich.master.troubles["trouble_1"]
    assert kind == "other"
    assert b"no space left on device\n *** PIUPARTS OUTPUT INCOMPLETE ***\n\nret=1027\n" in evidence
    assert rich.files() == ["trouble/trouble_1.log"]
    assert rich.told(Phase.GIVEN_BACK) == ["trouble_1.log"]


def test_our_tester_says_what_kind_of_trouble_it_was(rich: Bench) -> None:
    rich.configure({"piuparts-command": rich.own_tester, **OWN})
    program = rich.directory / "piufarm"
    told = 'echo \'{"trouble_kind": "chroot"}\' > "${@: -3:1}"'
    program.write_text(program.read_text().replace("trouble*) echo", f"trouble*) {told}; echo"))
    offering(rich, "trouble")
    rich.turn()
    assert rich.master.troubles["trouble_1"][0] == "chroot"


def test_a_tester_that_is_killed_is_trouble_of_that_kind(rich: Bench) -> None:
    rich.configure({"piuparts-command": rich.own_tester, **OWN})
    program = rich.directory / "piufarm"
    program.write_text(program.read_text().replace("crash=*) ", "crash=*) kill -KILL $$; "))
    offering(rich, "crash")
    rich.turn()
    assert rich.master.troubles["crash_1"][0] == "killed"


def test_a_mirror_that_is_down_is_one_trouble_and_the_other_packages_just_go_back(rich: Bench) -> None:
    offering(rich, "a", "b", "c")
    rich.archive.truncate("one")
    rich.turn()
    (name,) = rich.master.troubles
    kind, evidence = rich.master.troubles[name]
    assert (name, kind) == ("a_1", "mirror")
    assert b"\nNot tested: " in evidence
    assert rich.master.unreserved == [("b", "1"), ("c", "1")]
    assert rich.master.held == []


def test_a_disk_that_is_full_in_the_middle_of_a_batch_is_a_trouble_of_that_kind(
    rich: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*words: object, **more: object) -> Exit:
        raise OSError(errno.ENOSPC, "No space left on device")

    offering(rich, "a", "b")
    worker = rich.worker()
    monkeypatch.setattr("piufarm.slave.batch.run_test", full)
    worker.turn(Mode.NORMAL)
    assert worker.had_trouble
    assert rich.master.troubles["a_1"][0] == "disk"
    assert b"\nNot tested: [Errno 28] No space left on device\n" in rich.master.troubles["a_1"][1]
    assert rich.master.unreserved == [("b", "1")]
    assert rich.files() == ["trouble/a_1.log"]


def test_without_room_for_evidence_the_kind_is_said_without_it(rich: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def full(*words: object) -> Iterator[BinaryIO]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    offering(rich, "a", "b")
    monkeypatch.setattr("piufarm.slave.spool.Spool.new_log", full)
    rich.turn()
    assert rich.master.troubles == {"a_1": ("disk", b"")}
    assert rich.master.unreserved == [("b", "1")]
    assert rich.files() == []


def test_a_version_that_left_the_archive_is_trouble_with_the_mirror(rich: Bench) -> None:
    offering(rich, "bad")
    rich.on_event = lambda event: rich.publish("bad", version="2") if event.phase is Phase.TESTING else None
    rich.turn()
    assert rich.master.results == {}
    assert rich.master.troubles["bad_1"][0] == "mirror"


def test_evidence_that_is_gone_does_not_keep_a_package_from_being_given_back(rich: Bench) -> None:
    rich.publish("good")
    spool = rich.spool()
    spool.reserve(reserved("good"))
    with spool.new_log(reserved("good")) as log:
        log.write(b"evidence\n")
    spool.finish_in_trouble(reserved("good"), TroubleKind.DISK).unlink()
    rich.turn(Mode.FLUSH)
    assert rich.master.troubles == {"good_1": ("disk", b"")}


def test_a_master_without_troubles_gets_the_package_back_without_a_word(rich: Bench) -> None:
    rich.master.features = frozenset({Feature.LEASE})
    rich.configure({"piuparts-command": rich.own_tester, **OWN})
    offering(rich, "trouble")
    rich.turn()
    assert rich.master.unreserved == [("trouble", "1")]
    assert rich.master.troubles == {}


# -- compressed logs


def test_large_logs_are_sent_compressed_and_small_ones_as_they_are(rich: Bench) -> None:
    offering(rich, "large", "small")
    script = rich.tester.read_text()
    rich.tester.write_text(script.replace("    *) echo", "    large=*) seq 20000;&\n    *) echo"))
    rich.turn()
    assert rich.master.compressed == ["large_1"]
    assert b"\n19999\n20000\n" in rich.master.results["pass/large_1"]
    assert set(rich.master.results) == {"pass/large_1", "pass/small_1"}


def delivered(bench: Bench, log: bytes) -> bytes:
    with bench.spool().new_log(reserved("some")) as stream:
        stream.write(log)
    bench.spool().finish(reserved("some"), Outcome.FAIL)
    bench.turn(Mode.FLUSH)
    return bench.master.results["fail/some_1"]


def test_a_log_without_its_last_line_feed_gets_one(rich: Bench) -> None:
    assert delivered(rich, b"x\n" * 9000 + b"end") == b"x\n" * 9000 + b"end\n"
    assert rich.master.compressed == ["some_1"]


def test_what_cannot_be_compressed_is_sent_as_it_is(rich: Bench) -> None:
    log = os.urandom(100_000).replace(b"\n", b"") + b"\n"
    assert delivered(rich, log) == log
    assert rich.master.compressed == []


def test_a_full_disk_does_not_keep_a_log_from_the_master(rich: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*words: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("piufarm.slave.link.compression._compress", full)
    assert delivered(rich, b"x\n" * 9000) == b"x\n" * 9000
    assert rich.master.compressed == []


def test_a_slave_that_ends_in_a_long_test_does_not_wait_for_its_renewal(rich: Bench) -> None:
    offering(rich, "twice")
    rich.master.lease_seconds = 1800
    usual = signal.getsignal(signal.SIGINT)
    started = time.monotonic()
    rich.loop(Until.FOREVER)
    assert rich.told(Phase.ABORTED) == ["twice_1.log"]
    assert time.monotonic() - started < 60
    assert signal.getsignal(signal.SIGINT) is usual
