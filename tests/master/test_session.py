"""What a session says and does, request by request."""

from __future__ import annotations

import fcntl
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from piufarm.config.load import load
from piufarm.master.session.channel import Channel, Patience, PeerGone, SessionTimeout
from piufarm.master.session.evaluation import Evaluation
from piufarm.master.session.machine import Machine
from piufarm.master.session.session import Session, Visitor
from piufarm.master.session.surroundings import Surroundings
from piufarm.names import Package, SectionName, Version
from piufarm.protocol import MasterConnection, RemoteProtocolError
from piufarm.store.model import Reservation, Standing
from tests.core.store.builders import HOUR, NOON, result
from tests.master.office import SID, Office
from tests.support.stores import on_both_stores

pytestmark = on_both_stores

_HEAD = ["hello", "ok"]


def test_a_section_without_a_stanza_is_an_error_and_leaves_nothing_behind(office: Office) -> None:
    assert office.converse("section nowhere\nsection DEFAULT\nsection ../etc\n") == ["hello", "error", "error", "error"]
    assert not (office.master_directory / "nowhere").exists()


def test_the_global_stanza_can_be_selected(office: Office) -> None:
    assert office.converse("section global\nreserve\n") == ["hello", "ok", "error"]


def test_a_slave_sees_only_the_sections_it_was_let_in_for(office: Office) -> None:
    assert office.converse("section sid\nsection other\n", sections=("oth*",)) == ["hello", "error", "ok"]


def test_a_section_that_a_program_has_locked_is_busy(office: Office) -> None:
    office.files.root.mkdir(parents=True)
    with (office.files.root / "master.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert office.converse("section sid\n") == ["hello", "busy"]
    assert office.converse("section sid\n") == _HEAD


def test_a_session_holds_no_lock_on_its_section(office: Office) -> None:
    office.files.root.mkdir(parents=True)
    (office.files.root / "master.lock").touch()
    office.fill("a", "b")
    first = office.converse("section sid\nreserve\n", slave="worker1")
    second = office.converse("section sid\nreserve\n", slave="worker2")
    assert {first[-1], second[-1]} == {"ok a 1", "ok b 1"}


def test_a_result_is_stored_where_people_look(office: Office) -> None:
    office.converse(b"section sid\nfail a 1:2-3\n first\n \x00\r\xff\n .\n.\n")
    (run,) = office.store.runs(SID)
    log = office.files.root / "fail" / "a_1:2-3.log"
    assert log.read_bytes() == b"first\n\x00\r\xff\n.\n"
    assert log.samefile(office.files.run_log(run.run_id))
    assert run.log_bytes == len(log.read_bytes())
    assert (run.slave, run.standing) == ("worker1", Standing.CURRENT)
    assert office.files.submissions.read_text() == f"{int(run.received_at.timestamp())} fail a 1:2-3\n"
    assert office.differences() == []


def test_an_empty_log_is_a_log(office: Office) -> None:
    assert office.converse("section sid\npass a 1\n.\n") == ["hello", "ok", "ok"]
    assert (office.files.root / "pass" / "a_1.log").read_bytes() == b""


def test_a_second_result_takes_the_place_of_the_first_and_both_are_kept(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nreserve\n", slave="worker1")
    office.converse("section sid\nfail a 1\n old\n.\n", slave="worker2")
    (office.files.root / "pass").mkdir()
    (office.files.root / "pass" / "a_1.kpr").write_text("of a log that was here before")
    office.converse("section sid\npass a 1\n new\n.\n", slave="worker1")
    assert (office.files.root / "pass" / "a_1.log").read_text() == "new\n"
    assert not (office.files.root / "fail" / "a_1.log").exists()
    assert not (office.files.root / "pass" / "a_1.kpr").exists()
    assert [run.standing for run in office.store.runs(SID)] == [Standing.CURRENT, Standing.SUPERSEDED]
    assert {office.files.run_log(run.run_id).read_text() for run in office.store.runs(SID)} == {"old\n", "new\n"}
    assert office.differences() == []


def test_a_result_that_nobody_asked_for_is_answered_ok_and_hides_nothing(office: Office) -> None:
    office.converse("section sid\npass a 1\n good\n.\n", slave="worker1")
    assert office.converse("section sid\nfail a 1\n bad\n.\n", slave="worker2") == ["hello", "ok", "ok"]
    assert (office.files.root / "pass" / "a_1.log").read_text() == "good\n"
    assert not (office.files.root / "fail").exists()
    assert len(list(office.files.runs.iterdir())) == 2
    assert office.differences() == []


def test_a_result_sent_twice_is_stored_once(office: Office) -> None:
    text = "section sid\npass a 1\n x\n.\n"
    assert office.converse(text) == office.converse(text) == ["hello", "ok", "ok"]
    assert len(list(office.files.runs.iterdir())) == 1
    assert len(office.files.submissions.read_text().splitlines()) == 1
    assert office.differences() == []


def test_a_result_sent_twice_makes_up_for_a_log_that_got_lost(office: Office) -> None:
    office.converse("section sid\npass a 1\n x\n.\n")
    (log,) = office.files.runs.iterdir()
    log.unlink()
    office.converse("section sid\npass a 1\n x\n.\n")
    assert log.read_text() == "x\n"


def test_a_result_sent_twice_makes_up_for_a_view_that_was_never_made(office: Office) -> None:
    """As after a crash between the commit and the link."""
    text = "section sid\nfail a 1\n x\n.\n"
    office.converse(text)
    (office.files.root / "fail" / "a_1.log").unlink()
    office.files.submissions.unlink()
    office.converse(text)
    assert (office.files.root / "fail" / "a_1.log").read_text() == "x\n"
    assert len(office.files.submissions.read_text().splitlines()) == 1


def test_a_new_result_hides_the_old_log_wherever_a_person_has_moved_it(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nreserve\nfail a 1\n x\n.\n")
    (office.files.root / "bugged").mkdir()
    (office.files.root / "fail" / "a_1.log").rename(office.files.root / "bugged" / "a_1.log")
    later = datetime.now(UTC) + timedelta(hours=1)
    held = Reservation(SID, Package("a"), Version("1"), None, later, later)
    assert office.store.enter_reservations(SID, [held]) == 1
    office.converse("section sid\npass a 1\n y\n.\n")
    assert (office.files.root / "pass" / "a_1.log").read_text() == "y\n"
    assert list((office.files.root / "bugged").iterdir()) == []
    assert office.differences() == []


def test_the_best_candidate_is_reserved_and_given_back(office: Office) -> None:
    office.fill("base", "user -> base", "alone")
    assert office.converse("section sid\nreserve\nreserve\nreserve\n") == [*_HEAD, "ok base 1", "ok alone 1", "error"]
    assert office.converse("section sid\nunreserve base 1\nunreserve base 1\nreserve\n") == [
        *_HEAD, "ok", "ok", "ok base 1",
    ]  # fmt: skip


def test_giving_back_what_another_slave_holds_is_ok_and_does_nothing(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nreserve\n", slave="worker1")
    assert office.converse("section sid\nunreserve a 1\nreserve\n", slave="worker2") == [*_HEAD, "ok", "error"]
    assert [held.owner for held in office.store.reservations(SID)] == ["worker1"]


def test_a_contact_extends_what_its_slave_holds(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nreserve\n")
    before = office.store.reservations(SID)[0].deadline
    office.converse("section sid\n")
    assert office.store.reservations(SID)[0].deadline > before


def test_what_a_slave_has_lost_expires_although_it_is_alive(office: Office) -> None:
    office.fill("a", "b")
    office.converse("section sid\nreserve\n")  # whose reply never arrives
    office.converse("section sid\nreserve\n")  # a slave that asks for more has reported all that it knows of
    lost, known = office.store.reservations(SID)
    office.converse("section sid\n")
    lost_now, known_now = office.store.reservations(SID)
    assert (lost_now.package, lost_now.deadline) == (lost.package, lost.deadline)
    assert (known_now.package, known_now.deadline > known.deadline) == (known.package, True)


def test_a_reserve_waits_for_what_the_results_just_sent_make_testable(office: Office) -> None:
    office.fill("a", "b -> a", "c -> b")
    lines = office.converse("section sid\nreserve\npass a 1\n x\n.\nreserve\npass b 1\n x\n.\nreserve\nreserve\n")
    assert lines == [*_HEAD, "ok a 1", "ok", "ok b 1", "ok", "ok c 1", "error"]


def test_a_computation_that_ends_while_a_slave_asks_is_not_missed(office: Office) -> None:
    office.fill("a", "b -> a")
    office.store.record_run(SID, result("a"))
    machine = Machine(sleep=lambda seconds: None, start_evaluator=lambda section, *, config, errors, lock: None)
    around = Surroundings(office.store, "worker1", office.config, office.files.root / "errors", print, print, machine)

    def take() -> list[Reservation]:
        found = office.store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
        office.settle()
        return [found] if found else []

    assert [found.package for found in Evaluation(office.section, office.files, around).wait_for(take)] == ["b"]


def test_a_process_that_was_at_work_when_a_slave_asked_but_on_its_way_out_is_replaced(office: Office) -> None:
    office.fill("a", "b -> a")
    office.store.record_run(SID, result("a"))
    starts: list[float] = []
    slept: list[float] = []

    def start(section: SectionName, *, config: Path, errors: Path, lock: Path) -> None:
        starts.append(sum(slept))
        if len(starts) > 1:  # nothing is started while the first one ends
            office.settle()

    machine = Machine(lambda: NOON + timedelta(seconds=sum(slept)), slept.append, start)
    around = Surroundings(office.store, "worker1", office.config, office.files.root / "errors", print, print, machine)

    def take() -> list[Reservation]:
        found = office.store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
        return [found] if found else []

    assert [found.package for found in Evaluation(office.section, office.files, around).wait_for(take)] == ["b"]
    assert starts[0] == 0
    assert 1 <= starts[1] <= 3


def test_idle_is_zero_while_there_is_something_to_do(office: Office) -> None:
    office.fill("a", "b -> a")
    assert office.converse("section sid\nidle\n") == [*_HEAD, "ok 0"]


def test_idle_tells_when_to_come_again_if_nothing_is_left(office: Office) -> None:
    office.fill("a")
    office.store.note_refresh(SID, now=datetime.now(UTC))
    held, done = (
        office.converse("section sid\nreserve\nidle\n"),
        office.converse("section sid\npass a 1\n x\n.\nreserve\nidle\n"),
    )
    assert 0 < int(held[-1].split()[1]) <= 60  # the holder's result may change everything
    assert 60 < int(done[-1].split()[1]) <= 3600


def test_what_a_slave_has_lost_comes_back_although_the_slave_only_asks_whether_to_ask(office: Office) -> None:
    office.fill("a")
    office.store.note_refresh(SID, now=datetime.now(UTC))
    assert office.converse("section sid\nreserve\n")[-1] == "ok a 1"  # and now its disk is lost
    for days in range(4):
        *_, idle = office.converse("section sid\nidle\n", later=timedelta(days=days))
        if idle == "ok 0":
            office.converse("section sid\nreserve\n", later=timedelta(days=days))
    (held,) = office.store.reservations(SID)
    assert held.reserved_at > datetime.now(UTC) + timedelta(days=1)


def test_idle_never_tells_more_than_an_hour_whatever_the_clock_did(office: Office) -> None:
    office.store.replace_packages(SID, [], index_digest="", now=datetime.now(UTC) + timedelta(days=300))
    office.settle()
    (*_, idle) = office.converse("section sid\nidle\n")
    assert 0 <= int(idle.split()[1]) <= 3600


def test_idle_counts_from_the_last_refresh_to_the_next_one(office: Office) -> None:
    office.config.write_text(office.config.read_text().replace("[sid]\n", "[sid]\nrefresh-interval = 600\n"))
    office.store.replace_packages(SID, [], index_digest="", now=datetime.now(UTC) - timedelta(seconds=200))
    office.settle()
    (*_, idle) = office.converse("section sid\nidle\n")
    assert 390 <= int(idle.split()[1]) <= 400
    (*_, overdue) = office.converse("section sid\nidle\n", later=timedelta(hours=9))
    assert overdue == "ok 60"  # it may come any time, but to ask at once is of no use


def test_idle_is_zero_while_states_are_to_be_computed_or_were_never_known(office: Office) -> None:
    assert office.converse("section sid\nidle\n")[-1] == "ok 0"
    office.store.replace_packages(SID, [], index_digest="", now=datetime.now(UTC))
    assert office.converse("section sid\nidle\n")[-1] == "ok 0"


def test_a_slave_that_asks_for_more_has_lost_what_it_did_not_report(office: Office) -> None:
    office.fill("a", "b", "c")
    hours = timedelta(hours=1)
    *_, first = office.converse("section sid\nreserve\n")
    office.converse("section sid\n", later=24 * hours)
    office.converse("section sid\nreserve\n", later=47 * hours)
    office.converse("section sid\n", later=60 * hours)
    assert len(office.store.reservations(SID)) == 2
    office.converse("section sid\nreserve\n", slave="worker2", later=96 * hours)
    assert first.split()[1] in [trouble.package for trouble in office.store.troubles(SID)]


def test_recycle_is_an_error_while_nothing_is_queued(office: Office) -> None:
    assert office.converse("section sid\nrecycle\n") == [*_HEAD, "error"]


def test_status_counts_the_ten_states_and_is_live(office: Office) -> None:
    office.fill("a", "b -> a")
    before, _, after = office.converse("section sid\nstatus\nfail a 1\n.\nstatus\n")[2:]
    assert before == (
        "ok successfully-tested=0 failed-testing=0 cannot-be-tested=0 waiting-to-be-tested=1"
        " waiting-for-dependency-to-be-tested=1 dependency-failed-testing=0 dependency-cannot-be-tested=0"
        " dependency-does-not-exist=0 unknown=0 outdated=0 total=2"
    )
    assert "failed-testing=1" in after.split()


def test_questions_about_dependencies(office: Office) -> None:
    office.fill("a -> gone | b, c", "b -> c", "c -> b", "d -> gone")
    lines = office.converse(
        "section sid\n_state a\n_state d\n_state nobody\n_depends a\n_depends b\n_recursive-depends a\n"
        "_recursive-depends c\n_depcycle b\n_depcycle a\n_list waiting-to-be-tested\n_list nonsense\n_depends nobody\n"
    )
    assert lines[2:] == [
        "ok waiting-for-dependency-to-be-tested 1", "ok dependency-does-not-exist 1", "ok does-not-exist -",
        "ok b c", "ok c", "ok b c", "ok b c", "ok c b", "ok", "ok b c", "error", "error",
    ]  # fmt: skip


def test_a_blank_line_ends_the_session(office: Office) -> None:
    assert office.converse("section sid\n\nreserve\n") == _HEAD


@pytest.mark.parametrize(
    "garbage",
    [
        b"frobnicate\n",
        b"reserve now\n",
        b"pass a/b 1\n x\n.\n",
        b"pass a 1\nno space\n.\n",
        b"pass a 1\n x\n\n.\n",
        b"pass a 1\n x\n.",
        b"pass a 1\n half a l",
        b"pass a 1\n x\r\n.\r\n",
        b"section sid",
    ],
)
def test_garbage_ends_the_session_without_a_reply_and_leaves_nothing(office: Office, garbage: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        office.converse(b"section sid\n" + garbage)
    assert (office.directory / "out").read_text().splitlines() == _HEAD
    assert list(office.store.runs(SID)) == []
    assert [path for path in office.files.root.rglob("*") if path.suffix != ".log" and path.is_file()] == []
    assert "session ended: " in (office.files.root / "master.log").read_text()


def test_anything_before_a_section_ends_the_session(office: Office) -> None:
    with pytest.raises(RemoteProtocolError):
        office.converse("reserve\n")


def test_the_log_of_a_session_has_each_exchange(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nreserve\npass a 1\n secret of the log\n.\n")
    text = (office.files.root / "master.log").read_text()
    shown = [line.partition(f" worker1/{os.getpid()} ")[2] for line in text.splitlines()]
    assert shown == [
        "connected", ">> section sid", "<< ok", ">> reserve", "<< ok a 1", ">> pass a 1", "<< ok", "disconnected",
    ]  # fmt: skip


def test_the_log_of_a_session_does_nothing_to_a_terminal(office: Office) -> None:
    office.converse("section sid\n_list \x1b]0;gotcha\x07\n")
    assert r">> _list \x1b]0;gotcha\x07" in (office.files.root / "master.log").read_text()


def test_the_log_of_a_session_can_be_switched_off(office: Office) -> None:
    office.config.write_text(office.config.read_text().replace("[sid]\n", "[sid]\nlog-file = /dev/null\n"))
    assert office.converse("section sid\n") == _HEAD
    assert not (office.files.root / "master.log").exists()
    office.store.close()


def _channel(reader: int, writer: int, patience: Patience) -> Channel:
    return Channel(reader, writer, patience=patience, clock=time.monotonic, connection=MasterConnection())


@pytest.mark.parametrize(
    ("patience", "reason"),
    [(Patience(idle_seconds=0.05), "nothing happened"), (Patience(total_seconds=0.05), "its longest time")],
)
def test_a_silent_slave_is_not_waited_for_for_ever(office: Office, patience: Patience, reason: str) -> None:
    source, speak = os.pipe()
    listen, sink = os.pipe()
    os.write(speak, b"section sid\npass a 1\n the beginning of\n")
    with pytest.raises(SessionTimeout, match=reason):
        Session(load(office.config), Visitor("worker1"), _channel(source, sink, patience), warn=print).run()
    assert os.read(listen, 100) == b"hello\nok\n"
    assert list(office.files.runs.iterdir()) == []
    for descriptor in (source, speak, listen, sink):
        os.close(descriptor)


def test_a_slave_that_hangs_up_while_it_is_answered_ends_the_session(office: Office) -> None:
    source, speak = os.pipe()
    listen, sink = os.pipe()
    os.close(listen)
    with pytest.raises(PeerGone):
        Session(load(office.config), Visitor("worker1"), _channel(source, sink, Patience()), warn=print).run()
    for descriptor in (source, speak, sink):
        os.close(descriptor)
