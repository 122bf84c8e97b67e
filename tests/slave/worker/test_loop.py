"""Whole slaves: order of sections, signals, ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from piufarm.names import SectionName
from piufarm.outcome import Outcome
from piufarm.slave.events import Phase
from piufarm.slave.job.testrun import Exit, run_test
from piufarm.slave.loop import Until
from piufarm.slave.section import Mode
from tests.slave.worker.bench import HALF, Bench, reserved

FIRST, SECOND = SectionName("first"), SectionName("second")


def test_one_round_ends_by_itself_with_status_0(bench: Bench) -> None:
    bench.publish("good", "bad")
    bench.configure()
    bench.master.offers = [("good", "1"), ("bad", "1")]
    assert bench.loop(Until.ONE_ROUND) == 0
    assert set(bench.master.results) == {"pass/good_1", "fail/bad_1"}
    assert bench.master.open == 0


def test_until_idle_goes_on_until_the_master_has_nothing_more(bench: Bench) -> None:
    bench.publish("a", "b", "c")
    bench.configure({"max-reserved": "1"})
    bench.master.offers = [("a", "1"), ("b", "1"), ("c", "1")]
    assert bench.loop(Until.IDLE) == 0
    assert list(bench.outcomes()) == ["a", "b", "c"]


def test_trouble_makes_the_exit_status_1(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.master.down = True
    assert bench.loop(Until.ONE_ROUND) == 1
    assert bench.told(Phase.TROUBLE) == ["the master is down"]


def test_logs_of_a_former_life_are_delivered_first(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    with bench.spool().new_log(reserved("old")) as log:
        log.write(b"log of a former life\n")
    bench.spool().finish(reserved("old"), Outcome.FAIL)
    bench.loop(Until.ONE_ROUND)
    assert bench.master.heard[:2] == ["section small", "fail old 1"]
    assert bench.master.results == {"fail/old_1": b"log of a former life\n"}


def two_sections(bench: Bench) -> None:
    bench.publish("a", "b")
    bench.configure(sections=(FIRST, SECOND))
    path = bench.directory / "etc" / "piuparts.conf"
    text = path.read_text().replace("[second]", "[second]\nprecedence = 5").replace("[first]", "[first]\nprecedence=10")
    path.write_text(text)


def test_sections_take_turns_by_precedence_as_a_number(bench: Bench) -> None:
    two_sections(bench)
    workers = [bench.worker(FIRST), bench.worker(SECOND)]
    for worker in workers:
        worker.turn(Mode.FLUSH)
    assert [worker.precedence for worker in workers] == [10, 5]
    bench.loop(Until.ONE_ROUND, FIRST, SECOND)
    sections = [request for request in bench.master.heard if request.startswith("section")]
    assert sections[:2] == ["section second", "section first"]


def test_all_sections_share_one_connection(bench: Bench) -> None:
    two_sections(bench)
    bench.loop(Until.ONE_ROUND, FIRST, SECOND)  # makes the bases
    bench.master.sessions = 0
    bench.loop(Until.ONE_ROUND, FIRST, SECOND)
    assert bench.master.sessions == 1


def test_one_interrupt_finishes_the_test_delivers_and_gives_the_rest_back(bench: Bench) -> None:
    bench.publish("interrupt", "good")
    bench.configure()
    bench.master.offers = [("interrupt", "1"), ("good", "1")]
    assert bench.loop(Until.FOREVER) == 1
    assert set(bench.master.results) == {"pass/interrupt_1"}
    assert bench.master.unreserved == [("good", "1")]
    assert bench.files() == []
    assert [text for text in bench.told(Phase.NOTE) if text.startswith("interrupted: a running test is finished")]


def test_an_interrupt_gives_back_what_other_sections_hold_too(bench: Bench) -> None:
    two_sections(bench)
    bench.publish("interrupt", "good")
    bench.spool(SECOND).reserve(reserved("interrupt"))
    bench.spool(FIRST).reserve(reserved("good"))
    assert bench.loop(Until.FOREVER, FIRST, SECOND) == 1
    assert set(bench.master.results) == {"pass/interrupt_1"}
    assert bench.master.unreserved == [("good", "1")]


@pytest.mark.parametrize("how", ["twice", "term"])
def test_two_interrupts_or_term_abort_the_test_and_its_package_stays_reserved(bench: Bench, how: str) -> None:
    bench.publish("good", how)
    bench.configure()
    bench.master.offers = [("good", "1"), (how, "1")]
    assert bench.loop(Until.FOREVER) == 1
    assert bench.master.results == {}
    assert bench.master.unreserved == []
    assert bench.files() == ["pass/good_1.log", f"reserved/{how}_1.log"]
    assert bench.told(Phase.ABORTED) == [f"{how}_1.log"]


def test_after_an_abort_the_next_start_delivers_and_tests_again(bench: Bench) -> None:
    bench.publish("good", "twice")
    bench.configure()
    bench.master.offers = [("good", "1"), ("twice", "1")]
    bench.loop(Until.FOREVER)
    bench.tester.write_text('#!/bin/sh\necho "INFO: piuparts run ends."\n')
    bench.start_again()
    assert bench.loop(Until.ONE_ROUND) == 0
    assert set(bench.master.results) == {"pass/good_1", "pass/twice_1"}
    assert bench.files() == []


def test_a_hang_up_delivers_everything_and_then_goes_on_with_what_is_reserved(bench: Bench) -> None:
    bench.publish("hup", "good")
    bench.configure()
    bench.master.offers = [("hup", "1"), ("good", "1")]
    assert bench.loop(Until.IDLE) == 0
    assert set(bench.master.results) == {"pass/hup_1", "pass/good_1"}
    phases = [event.phase for event in bench.events if event.phase in (Phase.TESTED, Phase.SENT)]
    assert phases == [Phase.TESTED, Phase.SENT, Phase.TESTED, Phase.SENT]
    assert bench.master.unreserved == []


@pytest.fixture
def handlers_put_back() -> Iterator[None]:
    """A slave that starts anew leaves signals ignored until then."""
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers_put_back")
def test_usr1_delivers_and_ends_the_loop_for_a_new_start_that_goes_on_with_what_is_reserved(bench: Bench) -> None:
    bench.publish("usr1", "good")
    bench.configure()
    bench.master.offers = [("usr1", "1"), ("good", "1")]
    assert bench.loop(Until.FOREVER) == 0
    assert bench.interrupts.restart_requested
    assert set(bench.master.results) == {"pass/usr1_1"}
    assert bench.files() == ["reserved/good_1.log"]
    assert bench.master.unreserved == [] and bench.master.open == 0
    assert [signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGHUP)] == [signal.SIG_IGN] * 2
    bench.start_again()
    assert bench.loop(Until.ONE_ROUND) == 0
    assert set(bench.master.results) == {"pass/usr1_1", "pass/good_1"}


def test_an_interrupt_counts_more_than_a_restart(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.loop(Until.ONE_ROUND)
    bench.signals[Phase.IDLE] = [signal.SIGUSR1]
    bench.on_event = lambda event: signal.raise_signal(signal.SIGINT) if event.phase is Phase.IDLE else None
    assert bench.loop(Until.FOREVER) == 1
    assert not bench.interrupts.restart_requested


def interrupting(bench: Bench, request: str, times: int) -> None:
    """Send INT so many times when a request of this type reaches the master."""

    def interrupt(message: object) -> None:
        if type(message).__name__ == request:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    bench.master.on_request = interrupt


def test_an_interrupt_while_reserving_gives_everything_back(bench: Bench) -> None:
    bench.publish("good", "too")
    bench.configure()
    bench.master.offers = [("good", "1"), ("too", "1")]
    interrupting(bench, "Reserve", 1)
    assert bench.loop(Until.FOREVER) == 1
    assert bench.master.unreserved == [("good", "1")]
    assert bench.master.offers == [("too", "1")]
    assert bench.files() == []


def test_an_interrupt_while_a_log_is_sent_lets_it_be_sent(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.spool().reserve(reserved("good"))
    interrupting(bench, "Result", 1)
    assert bench.loop(Until.FOREVER) == 1
    assert set(bench.master.results) == {"pass/good_1"}
    assert bench.files() == []


def test_an_interrupt_while_sleeping_ends_the_slave_without_a_word_to_the_master(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.loop(Until.ONE_ROUND)
    bench.signals[Phase.IDLE] = [signal.SIGINT]
    sessions = bench.master.sessions
    assert bench.loop(Until.FOREVER) == 1
    assert bench.master.sessions == sessions + 1  # to ask for work
    assert bench.master.open == 0


def test_a_hang_up_while_sleeping_wakes_the_slave_to_deliver(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()

    def finish_elsewhere() -> None:
        with bench.spool().new_log(reserved("late")) as log:
            log.write(b"log\n")
        bench.spool().finish(reserved("late"), Outcome.PASS)

    bench.loop(Until.ONE_ROUND)
    finish_elsewhere()
    bench.signals[Phase.IDLE] = [signal.SIGHUP, signal.SIGINT]
    assert bench.loop(Until.FOREVER) == 1
    assert bench.master.results == {"pass/late_1": b"log\n"}


def test_a_termination_while_sleeping_ends_the_slave(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.signals[Phase.IDLE] = [signal.SIGTERM]
    with pytest.raises(KeyboardInterrupt):
        bench.loop(Until.FOREVER)
    assert bench.files() == []


def test_two_interrupts_while_talking_end_the_slave_at_once_and_the_log_stays(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.spool().reserve(reserved("good"))
    interrupting(bench, "Result", 2)
    with pytest.raises(KeyboardInterrupt):
        bench.loop(Until.FOREVER)
    assert bench.files() == ["pass/good_1.log"]
    assert bench.master.results == {}


def test_an_interrupt_while_the_base_is_made_ends_the_slave_and_leaves_no_half_base(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    script = f'#!/bin/sh\ntrap "exit 1" INT\n{HALF}\nkill -INT $PPID\nsleep 60 & wait\n'
    bench.tester.write_text(script)
    assert bench.loop(Until.FOREVER) == 1
    assert bench.master.sessions == 0
    left = [path.name for path in (bench.directory / "slave" / "small").iterdir()]
    assert [name for name in left if not name.endswith(".log")] == []


def test_handlers_of_signals_are_put_back(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    bench.loop(Until.ONE_ROUND)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_tests_wait_while_the_load_is_high(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.publish("good")
    bench.configure({"slave-load-max": "4"})
    bench.spool().reserve(reserved("good"))
    bench.loads = [5.0, 4.5, 3.5, 2.9]
    waits: list[float] = []
    monkeypatch.setattr(bench.interrupts, "wait", waits.append)
    assert bench.turn() == 1
    assert len(waits) == 2
    assert 30 <= waits[0] <= 89
    assert waits[1] == 2 * waits[0]


@pytest.mark.parametrize(("now", "heard"), [("2", "unreserve"), ("1", "fail bad 1")])
def test_a_version_that_fails_because_it_has_left_the_archive_meanwhile_is_given_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, now: str, heard: str
) -> None:
    def archive_moves(*words: Any, **how: Any) -> Exit:
        bench.publish("bad", version=now)
        return run_test(*words, **how)

    monkeypatch.setattr("piufarm.slave.batch.run_test", archive_moves)
    bench.publish("bad")
    bench.configure()
    bench.master.offers = [("bad", "1")]
    bench.loop(Until.ONE_ROUND)
    assert heard in bench.master.heard
    assert bool(list((bench.spool().directory / "trouble").iterdir())) is (now == "2"), "the evidence is kept"
