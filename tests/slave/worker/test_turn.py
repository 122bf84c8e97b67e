"""One turn of a section: what is said to the master, tested, sent and kept."""

from __future__ import annotations

import re

import pytest

from piufarm.names import SectionName
from piufarm.outcome import Outcome
from piufarm.slave.events import Phase
from piufarm.slave.loop import Until
from piufarm.slave.section import Mode
from tests.slave.worker.bench import Bench, reserved


def test_packages_are_reserved_tested_and_sent(bench: Bench) -> None:
    bench.publish("good", "bad", "moved")
    bench.configure()
    bench.master.offers = [("good", "1"), ("bad", "1"), ("moved", "2"), ("gone", "1")]
    assert bench.turn() == 4
    assert set(bench.master.results) == {"pass/good_1", "fail/bad_1", "untestable/moved_2", "untestable/gone_1"}
    assert bench.outcomes() == {
        "good": Outcome.PASS,
        "bad": Outcome.FAIL,
        "moved": Outcome.UNTESTABLE,
        "gone": Outcome.UNTESTABLE,
    }
    assert bench.files() == []
    assert bench.master.heard == [
        "section small", "idle", "reserve", "reserve", "reserve", "reserve", "reserve", "status",
        "section small", "pass good 1", "fail bad 1", "untestable moved 2", "untestable gone 1",
    ]  # fmt: skip


def test_the_log_is_the_one_of_the_predecessor(bench: Bench) -> None:
    bench.publish("good")
    arch = bench.configure().sections[SectionName("small")].arch
    bench.master.offers = [("good", "1")]
    bench.turn()
    log = bench.master.results["pass/good_1"].decode()
    paragraph = bench.archive.index("one").read_text().rstrip("\n")
    tarball = bench.directory / "slave" / "small" / f"one_{arch}.tar.gz"
    command = (
        f"{bench.tester} --mirror file://{bench.archive.www} --arch {arch} "
        f"-b {tarball} -d one --no-upgrade-test --apt good=1"
    )
    times = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", log)
    assert times == (
        f"Start: TIME GMT\n\n{paragraph}\n\nExecuting: {command}\n0m0.1s INFO: piuparts run ends.\n\nret=0\n"
        "End: TIME GMT\n"
    )


def test_no_more_than_max_reserved_are_taken(bench: Bench) -> None:
    bench.publish("a", "b", "c")
    bench.configure({"max-reserved": "2"})
    bench.master.offers = [("a", "1"), ("b", "1"), ("c", "1")]
    assert bench.turn() == 2
    assert bench.master.offers == [("c", "1")]


def test_packages_are_tested_in_the_order_of_the_master(bench: Bench) -> None:
    bench.publish("z", "m", "a")
    bench.configure()
    bench.master.offers = [("z", "1"), ("a", "1"), ("m", "1")]
    bench.turn()
    assert list(bench.outcomes()) == ["z", "a", "m"]


def test_the_connection_is_closed_while_tests_run(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.master.offers = [("good", "1")]
    bench.turn()
    assert bench.open_while_testing == [0]


def test_what_a_former_life_left_is_tested_before_new_packages_are_reserved(bench: Bench) -> None:
    bench.publish("good", "left")
    bench.configure()
    bench.spool().reserve(reserved("left"))
    bench.master.offers = [("good", "1")]
    assert bench.turn() == 1
    assert set(bench.master.results) == {"pass/left_1"}
    assert "reserve" not in bench.master.heard
    assert bench.turn() == 1
    assert set(bench.master.results) == {"pass/left_1", "pass/good_1"}


@pytest.mark.parametrize(("seconds", "expected"), [(0, 300.0), (40, 40.0), (3719, 300.0)])
def test_an_idle_master_is_asked_again_later(bench: Bench, seconds: int, expected: float) -> None:
    bench.configure()
    bench.publish("good")
    bench.master.idle_seconds = seconds
    worker = bench.worker()
    assert worker.turn(Mode.NORMAL) == 0
    assert worker.wake == expected
    assert ("reserve" in bench.master.heard) is (seconds == 0)
    bench.master.heard.clear()
    worker.turn(Mode.NORMAL)
    assert bench.master.heard == []


def test_a_busy_section_is_asked_again_in_one_to_three_minutes(bench: Bench) -> None:
    bench.configure()
    bench.publish("good")
    bench.master.busy = True
    worker = bench.worker()
    worker.turn(Mode.NORMAL)
    assert 60 <= worker.wake <= 179
    assert not worker.had_trouble


def test_an_unknown_section_is_trouble_with_a_hint(bench: Bench) -> None:
    bench.configure()
    bench.publish("good")
    bench.master.unknown = True
    worker = bench.worker()
    worker.turn(Mode.NORMAL)
    assert worker.had_trouble
    assert bench.told(Phase.TROUBLE) == ["the master has no section small"]
    assert bench.events[-1].hint == "compare the sections in both piuparts.conf"


def test_a_master_that_is_down_is_tried_again_later_and_later(bench: Bench) -> None:
    bench.configure()
    bench.publish("good")
    bench.master.down = True
    worker = bench.worker()
    waits = []
    for _ in range(12):
        bench.time = max(bench.time, worker.wake)
        worker.turn(Mode.NORMAL)
        waits.append(worker.wake - bench.time)
    assert waits[0] < 20
    assert max(waits) <= 900 * 1.25
    assert waits[-1] > 600


def test_logs_wait_for_a_master_that_is_down(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.spool().reserve(reserved("good"))
    bench.master.down = True
    assert bench.turn() == 1
    assert bench.files() == ["pass/good_1.log"]
    bench.master.down = False
    bench.time = 1000.0
    bench.turn(Mode.FLUSH)
    assert set(bench.master.results) == {"pass/good_1"}
    assert bench.files() == []


def test_a_log_without_ok_is_kept_and_does_not_hold_up_the_others_for_ever(bench: Bench) -> None:
    bench.publish("a", "b")
    bench.configure()
    for name in ("a", "b"):
        bench.spool().reserve(reserved(name))
    bench.master.refuses_log_of = "a"
    worker = bench.worker()
    worker.turn(Mode.NORMAL)
    assert bench.master.results == {}
    assert bench.files() == ["pass/a_1.log", "pass/b_1.log"]
    worker.turn(Mode.FLUSH)
    assert set(bench.master.results) == {"pass/b_1"}
    assert bench.files() == ["pass/a_1.log"]


def test_a_mirror_that_is_down_gives_the_packages_back_and_makes_no_result(bench: Bench) -> None:
    bench.configure()
    bench.publish("good")
    bench.master.offers = [("good", "1"), ("gone", "1")]
    bench.archive.truncate("one")
    worker = bench.worker()
    assert worker.turn(Mode.NORMAL) == 0
    assert bench.master.unreserved == [("good", "1"), ("gone", "1")]
    assert bench.master.results == {}
    assert bench.files() == ["trouble/good_1.log"]
    assert "\nNot tested: " in (bench.place.directory / "small" / "trouble" / "good_1.log").read_text()
    assert worker.had_trouble and worker.wake > 0


def test_trouble_of_our_own_tester_gives_the_package_back_with_evidence(bench: Bench) -> None:
    bench.publish("good", "trouble")
    bench.configure({"piuparts-command": bench.own_tester, "chroot-backend": "overlay"})
    bench.master.offers = [("trouble", "1"), ("good", "1")]
    assert bench.turn() == 2
    assert set(bench.master.results) == {"pass/good_1"}
    assert bench.master.unreserved == [("trouble", "1")]
    assert bench.files() == ["trouble/trouble_1.log"]
    evidence = (bench.place.directory / "small" / "trouble" / "trouble_1.log").read_text()
    assert "no space left on device\n *** PIUPARTS OUTPUT INCOMPLETE ***\n\nret=1027\n" in evidence


def test_a_crash_of_our_own_tester_is_not_a_failure_of_the_package(bench: Bench) -> None:
    bench.publish("crash")
    bench.configure({"piuparts-command": bench.own_tester, "chroot-backend": "overlay"})
    bench.master.offers = [("crash", "1")]
    bench.turn()
    assert bench.master.results == {}
    assert bench.master.unreserved == [("crash", "1")]


def test_any_other_testers_crash_is_a_failure_as_it_always_was(bench: Bench) -> None:
    bench.publish("crash", "trouble")
    bench.configure()
    bench.master.offers = [("crash", "1"), ("trouble", "1")]
    bench.turn()
    assert set(bench.master.results) == {"fail/crash_1", "fail/trouble_1"}


def test_a_package_in_trouble_is_not_tested_again_at_once(bench: Bench) -> None:
    bench.publish("good", "trouble")
    bench.configure({"piuparts-command": bench.own_tester, "chroot-backend": "overlay"})
    worker = bench.worker()
    bench.master.offers = [("trouble", "1")]
    worker.turn(Mode.NORMAL)
    bench.master.offers = [("trouble", "1"), ("good", "1")]
    assert worker.turn(Mode.NORMAL) == 1
    assert bench.master.unreserved == [("trouble", "1"), ("trouble", "1")]
    assert bench.outcomes() == {"good": Outcome.PASS}
    bench.time = 400.0
    bench.events.clear()
    bench.master.offers = [("trouble", "1")]
    worker.turn(Mode.NORMAL)
    assert bench.told(Phase.TESTING) == ["trouble_1.log"]


def test_after_three_troubles_in_a_row_the_rest_is_given_back(bench: Bench) -> None:
    names = [f"trouble{number}" for number in range(5)]
    bench.publish(*names)
    bench.configure({"piuparts-command": bench.own_tester, "chroot-backend": "overlay"})
    bench.master.offers = [(name, "1") for name in names]
    worker = bench.worker()
    worker.turn(Mode.NORMAL)
    assert len(bench.told(Phase.TESTING)) == 3
    assert sorted(bench.master.unreserved) == [(name, "1") for name in names]
    assert bench.spool().reserved() == []
    assert worker.wake > 0


def test_packages_to_be_tested_again_are_asked_for_when_there_is_nothing_else(bench: Bench) -> None:
    bench.publish("again")
    bench.configure()
    bench.master.recycle_offers = [("again", "1")]
    assert bench.loop(Until.ONE_ROUND) == 0
    assert set(bench.master.results) == {"pass/again_1"}
    assert bench.master.heard[:6] == ["section small", "idle", "reserve", "status", "section small", "recycle"]


def test_when_there_is_nothing_to_recycle_it_is_asked_again_in_an_hour(bench: Bench) -> None:
    bench.publish("again")
    bench.configure()
    worker = bench.worker()
    worker.turn(Mode.RECYCLE)
    assert worker.recycle_wake == 3600.0
    assert bench.master.heard == ["section small", "recycle"]


def test_a_disabled_section_delivers_and_reserves_nothing(bench: Bench) -> None:
    bench.publish("good")
    bench.configure({"max-reserved": "0"})
    bench.master.offers = [("good", "1")]
    assert bench.turn() == 0
    assert bench.master.heard == []


def test_a_section_that_has_left_the_configuration_waits(bench: Bench) -> None:
    bench.configure(sections=("other",))
    worker = bench.worker()
    assert worker.turn(Mode.NORMAL) == 0
    assert worker.wake == 3600.0
    assert not worker.had_trouble


def test_two_slaves_do_not_work_in_one_directory(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    worker = bench.worker()
    with bench.spool().locked():
        worker.turn(Mode.NORMAL)
    assert worker.wake == 900.0
    assert bench.told(Phase.TROUBLE)[0].startswith("another slave works in")


def test_a_spool_that_cannot_be_written_is_trouble_and_not_a_traceback(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    bench.spool().reserve(reserved("good"))
    (bench.place.directory / "small" / "new" / "good_1.log").mkdir()
    worker = bench.worker()
    worker.turn(Mode.NORMAL)
    assert worker.had_trouble
    assert bench.master.results == {}


def test_finished_logs_are_sent_within_a_long_batch(bench: Bench) -> None:
    bench.publish("a", "b")
    bench.configure({"slave-flush-interval": "1"})
    bench.master.offers = [("a", "1"), ("b", "1")]
    slow = bench.tester.read_text().replace("*) echo", "*) sleep 1.1; echo")
    bench.tester.write_text(slow)
    bench.turn()
    sent = [event.phase for event in bench.events if event.phase in (Phase.TESTED, Phase.SENT)]
    assert sent == [Phase.TESTED, Phase.SENT, Phase.TESTED, Phase.SENT]


def test_a_section_without_a_master_says_what_to_set(bench: Bench) -> None:
    bench.publish("good")
    bench.configure({"master-host": ""})
    bench.turn()
    assert bench.told(Phase.TROUBLE) == ["section small has no master to report to"]


def test_a_tester_that_does_not_exist_is_trouble_of_ours(bench: Bench) -> None:
    bench.publish("good")
    bench.configure()
    base = bench.directory / "slave" / "small"
    base.mkdir(parents=True)
    arch = bench.configure().sections[SectionName("small")].arch
    (base / f"one_{arch}.tar.gz").write_text("base")
    bench.tester.unlink()
    bench.master.offers = [("good", "1")]
    bench.turn()
    assert bench.master.results == {}
    assert bench.master.unreserved == [("good", "1")]
    evidence = (bench.place.directory / "small" / "trouble" / "good_1.log").read_text()
    assert f"program not found: {bench.tester}" in evidence


def test_trouble_with_sending_in_between_does_not_stop_the_tests(bench: Bench) -> None:
    bench.publish("a", "b", "c")
    bench.configure({"slave-flush-interval": "1"})
    bench.tester.write_text(bench.tester.read_text().replace("*) echo", "*) sleep 1.1; echo"))
    bench.master.offers = [("a", "1"), ("b", "1"), ("c", "1")]
    bench.master.refuses_log_of = "a"
    bench.turn()
    assert list(bench.outcomes()) == ["a", "b", "c"]
    assert bench.told(Phase.TROUBLE)
    assert "pass/a_1.log" in bench.files()


def test_a_base_that_vanishes_stops_the_batch_and_gives_the_rest_back(bench: Bench) -> None:
    bench.publish("a", "b")
    bench.configure()
    bench.tester.write_text(bench.tester.read_text().replace("*) echo", "*) rm ${@: -6:1}; echo"))
    bench.master.offers = [("a", "1"), ("b", "1")]
    assert bench.turn() == 1
    assert set(bench.master.results) == {"pass/a_1"}
    assert bench.master.unreserved == [("b", "1")]


def test_a_master_that_greets_strangely_is_hung_up_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.publish("good")
    bench.configure()
    monkeypatch.setattr("tests.slave.worker.fake_master.GREETING", b"Hello, world\n")
    bench.turn()
    assert bench.told(Phase.TROUBLE) == ["expected the greeting `hello`, got 'Hello, world'"]
    assert bench.master.open == 0
