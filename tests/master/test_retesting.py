"""Packages that are tested again: how they get into the queue, and what a slave in recycle mode is told."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from demo.debs import DebSpec
from piufarm.names import Package
from piufarm.run import run
from piufarm.store.model import Standing
from tests.master.mirrored import MirroredOffice
from tests.master.office import SID, Office
from tests.support.namespace import with_private_files
from tests.support.programs import REAL_ETC
from tests.support.stores import on_both_stores

_HEAD = ["hello", "ok"]
_HOUR = timedelta(hours=1)
_CLASSIFIER = Path("/usr/share/piuparts/master/detect_well_known_errors")


def _result(name: str, outcome: str = "pass", log: str = "old") -> str:
    return f"{outcome} {name} 1\n {log}\n.\n"


def _recycle(office: Office, *names: str) -> None:
    """Mark packages, and do not rely on the evaluator that an earlier session has started."""
    assert office.command("recycle", *names).status == 0
    office.settle()


def _queue(office: Office) -> list[str]:
    return [mark.package for mark in office.store.recycle_queue(SID)]


@on_both_stores
def test_failures_come_first_and_vanish_at_once_while_passes_stay_until_the_new_result(office: Office) -> None:
    office.fill("ff", "gg")
    office.converse("section sid\n" + _result("ff", "pass") + _result("gg", "fail"))
    _recycle(office, "ff", "gg")
    lines = office.converse("section sid\nrecycle\nstatus\nreserve\n", slave="worker2")
    assert (lines[2], lines[4]) == ("ok", "ok gg 1")
    assert lines[3].startswith("ok (recycle) successfully-tested=0 failed-testing=0 ")
    assert " waiting-to-be-tested=2 " in lines[3]
    assert not (office.files.root / "fail" / "gg_1.log").exists()
    (failure,) = office.store.runs(SID, package=Package("gg"))
    assert failure.standing is Standing.RECYCLED
    assert office.files.run_log(failure.run_id).read_text() == "old\n"
    lines = office.converse("section sid\nrecycle\nreserve\nreserve\n", slave="worker2")
    assert lines[2:] == ["ok", "ok ff 1", "error"]
    assert (office.files.root / "pass" / "ff_1.log").read_text() == "old\n"
    office.converse("section sid\n" + _result("ff", "fail", "new") + _result("gg", "pass", "new"), slave="worker2")
    shown = [f"{log.parent.name}/{log.name}" for log in office.classic_logs()]
    assert shown == ["pass/gg_1.log", "fail/ff_1.log"]
    assert office.differences() == []


@on_both_stores
def test_questions_in_recycle_mode_find_what_status_counts(office: Office) -> None:
    office.fill("ff", "gg", "hh", "ii")
    office.converse("section sid\n" + _result("ff", "pass") + _result("gg", "fail") + _result("ii", "fail"))
    _recycle(office, "ff", "gg")
    asked = "_list waiting-to-be-tested\n_list failed-testing\n_state ff\n_state gg\n_state ii\n"
    assert office.converse(f"section sid\nrecycle\n{asked}")[3:] == [
        "ok ff gg hh", "ok ii", "ok waiting-to-be-tested 1", "ok waiting-to-be-tested 1", "ok failed-testing 1",
    ]  # fmt: skip
    assert office.converse(f"section sid\n{asked}")[2:] == [
        "ok hh", "ok gg ii", "ok successfully-tested 1", "ok failed-testing 1", "ok failed-testing 1",
    ]  # fmt: skip


def test_a_retest_whose_dependency_has_failed_waits_for_it_in_recycle_mode(office: Office) -> None:
    office.fill("bad", "user -> bad")
    office.converse("section sid\n" + _result("bad", "fail") + _result("user", "pass"))
    _recycle(office, "user")
    *_, status, state = office.converse("section sid\nrecycle\nstatus\n_state user\n")
    assert " waiting-for-dependency-to-be-tested=1 dependency-failed-testing=0 " in status
    assert state == "ok waiting-for-dependency-to-be-tested 1"


def test_recycle_is_refused_once_a_slave_has_seen_packages_and_again_possible_in_a_new_selection(
    office: Office,
) -> None:
    office.fill("a")
    office.converse("section sid\n" + _result("a"))
    _recycle(office, "a")
    for seen in ("reserve", "status", "_list unknown", "_state a"):
        assert office.converse(f"section sid\n{seen}\nrecycle\n")[-1] == "error"
    assert office.converse("section sid\nidle\nrecycle\nrecycle\nstatus\nrecycle\n")[-1] == "ok"
    assert office.converse("section sid\nstatus\nsection sid\nrecycle\n")[-1] == "ok"
    assert not office.converse("section sid\nrecycle\nsection sid\nstatus\n")[-1].startswith("ok (recycle)")


def test_recycle_without_a_queue_is_an_error(office: Office) -> None:
    office.fill("a")
    assert office.converse("section sid\nrecycle\nrecycle\n") == [*_HEAD, "error", "error"]


def test_idle_in_recycle_mode_is_about_packages_to_test_again(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\n" + _result("a"))
    _recycle(office, "a")
    *_, plain = office.converse("section sid\nidle\n")
    *_, retest = office.converse("section sid\nrecycle\nidle\n")
    assert int(plain.split()[1]) > 0
    assert retest == "ok 0"
    *_, nothing = office.converse("section sid\nrecycle\nreserve\nidle\n")
    assert int(nothing.split()[1]) > 0


def test_a_failure_is_tested_again_before_what_needs_it_and_a_pass_is_good_meanwhile(office: Office) -> None:
    office.fill("bad", "user -> bad", "good", "other -> good")
    office.converse("section sid\n" + "".join(_result(name, "fail") for name in ("bad", "user")))
    office.converse("section sid\n" + "".join(_result(name) for name in ("good", "other")))
    _recycle(office, "bad", "user", "good", "other")
    *lines, last = office.converse("section sid\nrecycle\nreserve\nreserve\nreserve\nreserve\n")[3:]
    assert (lines[0], set(lines[1:]), last) == ("ok bad 1", {"ok good 1", "ok other 1"}, "error")
    office.converse("section sid\n" + _result("bad", log="new"))
    assert office.converse("section sid\nrecycle\nreserve\n")[2:] == ["ok", "ok user 1"]


def test_what_is_given_back_is_queued_again(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\n" + _result("a"))
    _recycle(office, "a")
    assert office.converse("section sid\nrecycle\nreserve\nunreserve a 1\n")[2:] == ["ok", "ok a 1", "ok"]
    assert _queue(office) == ["a"]
    assert office.converse("section sid\nunreserve a 1\n")[2:] == ["ok"]


def test_a_retest_that_is_lost_is_queued_again(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\n" + _result("a"))
    _recycle(office, "a")
    office.converse("section sid\nrecycle\nreserve\n")
    assert office.converse("section sid\nrecycle\nreserve\n", slave="worker2", later=49 * _HOUR)[2:] == ["ok", "ok a 1"]


def test_a_slave_may_lease_what_is_to_be_tested_again(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\n" + _result("a", "fail"))
    _recycle(office, "a")
    assert office.converse("section sid\nrecycle\nfeatures\nlease 5\n")[-1] == "ok 1800 a 1"
    assert office.classic_logs() == []


def test_packages_are_chosen_by_name_problem_or_age(office: Office) -> None:
    office.fill("a", "b", "c")
    office.converse("section sid\n" + _result("a") + _result("b", "fail"))
    assert office.command("recycle", "c").stdout == b"sid: c has no result yet: it is to be tested\n"
    assert office.command("recycle", "--older-than", "1").stdout == b"sid: 0 packages to be tested again\n"
    assert office.command("recycle", "--older-than", "0", "--dry-run").stdout == b"sid: a\nsid: b\n"
    assert _queue(office) == []
    assert office.command("recycle", "--problem", "nonsense").stdout == b"sid: 0 packages to be tested again\n"
    nothing = office.command("recycle", "--problem", "nonsense", "--dry-run")
    assert (nothing.status, nothing.stdout, nothing.stderr) == (0, b"", b"no package is like that\n")
    assert office.command("recycle", "--older-than", "0").stdout == b"sid: 2 packages to be tested again\n"
    assert _queue(office) == ["a", "b"]


def test_packages_are_chosen_by_a_known_problem_of_their_logs(office: Office) -> None:
    office.fill("a", "b")
    office.converse("section sid\n" + _result("a", "fail"))
    (of_a,) = office.store.runs(SID)
    of_b = replace(of_a, run_id="b-run", package=Package("b"), log="runs/b-run.log")
    office.store.enter_runs(SID, [of_b], {"b-run": ["conffile_prompt_error"]})
    assert office.command("recycle", "--problem", "conffile_prompt_error.conf", "--dry-run").stdout == b"sid: b\n"
    told = office.command("recycle", "--problem", "conffile_prompt_error").stdout
    assert told == b"sid: 1 package to be tested again\n"
    assert _queue(office) == ["b"]


def test_problems_that_a_classifier_has_noted_beside_the_logs_count(office: Office) -> None:
    office.fill("a", "b", "c", "d")
    office.converse("section sid\n" + _result("a", "fail") + _result("b", "fail") + _result("c") + _result("d"))
    for place, name, problem in (
        ("fail", "a", "conffile_prompt_error"),
        ("fail", "b", "another_error"),
        ("fail", "c", "conffile_prompt_error"),  # of a failure that was there before it passed
        ("pass", "d", "conffile_prompt_error"),
        ("pass", "gone", "conffile_prompt_error"),
    ):
        (office.files.root / place / f"{name}_1.kpr").write_text(f"{place}/{name}_1.log {problem}.conf\n")
    assert office.command("recycle", "--problem", "conffile_prompt_error", "--dry-run").stdout == b"sid: a\nsid: d\n"
    old = office.command("recycle", "--problem", "conffile_prompt_error", "--older-than", "1")
    assert old.stdout == b"sid: 0 packages to be tested again\n"


@pytest.mark.peer
def test_the_classifier_of_the_predecessor_notes_the_problems_of_our_logs(office: Office) -> None:
    office.fill("a", "b")
    office.converse("section sid\n" + _result("a", "fail", "ERROR: xyz: command not found") + _result("b"))
    etc = office.directory / "etc"
    shutil.copytree(REAL_ETC, etc)
    (etc / "piuparts.conf").write_text(office.config.read_text())
    run(with_private_files({REAL_ETC: etc}, [_CLASSIFIER]), cwd=office.directory, timeout_seconds=60)
    told = office.command("recycle", "--problem", "command_not_found_error").stdout
    assert told == b"sid: 1 package to be tested again\n"
    assert _queue(office) == ["a"]
    assert office.command("fsck").stdout == b"sid: clean\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nonsense"], "not tested in sid: nonsense"),
        (["no/name"], "not a Package"),
        ([], "name packages, or choose them"),
        (["a", "--older-than", "3"], "name packages, or choose them"),
        (["--held-back", "--older-than", "3"], "name packages, or choose them"),
        (["--older-than", "-3"], "a number of days"),
        (["--older-than", "99999999"], "so long ago"),
        (["a", "--section", "nowhere"], "no section 'nowhere'"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(office: Office, words: list[str], complaint: str) -> None:
    office.fill("a")
    office.converse("section sid\n" + _result("a"))
    completed = office.command("recycle", *words)
    assert (completed.status, completed.stdout) == (2, b"")
    assert complaint in completed.stderr.decode()
    assert _queue(office) == []


def test_a_package_that_some_section_has_is_marked_there(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\n" + _result("a"))
    told = office.command("recycle", "a", "--section", "sid", "--section", "other").stdout
    assert told == b"sid: a is to be tested\n"


def _mark_by_hand(office: Office, name: str, *, source: str | None = None) -> None:
    office.files.recycle.mkdir(parents=True, exist_ok=True)
    if source is None:
        (office.files.recycle / name).touch()
    else:
        os.link(office.files.root / source, office.files.recycle / name)


def test_fsck_takes_marks_over_that_were_made_by_hand(office: Office) -> None:
    office.fill("a", "b", "c")
    office.converse("section sid\n" + _result("a") + _result("b", "fail"))
    _mark_by_hand(office, "b_1.log", source="fail/b_1.log")
    _mark_by_hand(office, "a_1.log")  # empty, as of a reservation that was forgotten
    _mark_by_hand(office, "a_0.9.log")
    _mark_by_hand(office, "nonsense.log")
    text = office.command("fsck", "--repair").stdout.decode()
    assert "b_1.log marks a package to be tested again: taken over" in text
    assert "a_0.9.log marks a version that is not tested any more: removed" in text
    assert "nonsense.log is left alone: not a log's file name" in text
    assert "3 mended, 1 left" in text
    assert sorted(_queue(office)) == ["a", "b"]
    assert [mark.name for mark in office.files.recycle.iterdir()] == ["nonsense.log"]


def test_refresh_takes_marks_over_that_were_made_by_hand(mirrored: MirroredOffice) -> None:
    office = mirrored.office
    mirrored.publish(DebSpec("a", "1.2"))
    mirrored.refresh()
    office.converse("section sid\npass a 1.2\n x\n.\n")
    _mark_by_hand(office, "a_1.2.log", source="pass/a_1.2.log")
    assert "a_1.2.log marks a package to be tested again: taken over" in mirrored.refresh().stdout.decode()
    assert _queue(office) == ["a"]
    assert list(office.files.recycle.iterdir()) == []
    assert office.converse("section sid\nrecycle\nreserve\n", slave="worker2")[-1] == "ok a 1.2"
