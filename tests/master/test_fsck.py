"""Differences between the rows and the files, each found, told and mended."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from piufarm.master.layout import SectionFiles
from piufarm.master.upkeep import fsck
from piufarm.master.upkeep.fsck import Check, Difference
from piufarm.master.upkeep.section_scan import SectionScan, scan
from piufarm.store.model import Run, Standing
from tests.master.office import SID, Office, open_office

_OLD = 7 * 3600  # older than any session that may still be running


@pytest.fixture
def fail(office: Office) -> Run:
    """A failure of package a, the only result."""
    office.converse("section sid\nfail a 1\n what happened\n.\n")
    (run,) = office.store.runs(SID)
    return run


def _mend(office: Office) -> list[str]:
    """Repair; what was told."""
    completed = office.command("fsck", "--repair", "--deep")
    assert completed.stderr == b""
    return completed.stdout.decode().splitlines()


def _age(path: Path) -> None:
    os.utime(path, (time.time() - _OLD,) * 2)


def test_a_section_in_order_is_clean(office: Office, fail: Run) -> None:
    completed = office.command("fsck", "--deep")
    assert (completed.status, completed.stdout) == (0, b"sid: clean\n")


def test_a_log_that_is_finished_during_the_look_is_none_of_its_business(office: Office, fail: Run) -> None:
    for name in (".new-1", ".new-2", ".new-3"):
        (office.files.runs / name).touch()
        _age(office.files.runs / name)
    differences = Check(office.store, SID, office.files, deep=False).unfinished()
    assert ".new-1" in next(differences).text
    (office.files.runs / ".new-2").rename(office.files.runs / "one.log")
    assert [".new-3" in one.text for one in differences] == [True]


def test_fsck_only_tells_unless_it_is_asked_to_repair(office: Office, fail: Run) -> None:
    office.files.classic_of(fail).unlink()
    completed = office.command("fsck")
    assert completed.status == 1
    assert "a_1.log is missing (--repair: linked)" in completed.stdout.decode()
    assert not office.files.classic_of(fail).exists()


def test_a_missing_classic_link_is_made(office: Office, fail: Run) -> None:
    office.files.classic_of(fail).unlink()
    assert _mend(office)[-1] == "sid: 1 mended, 0 left"
    assert office.files.classic_of(fail).samefile(office.files.run_log(fail.run_id))


@pytest.mark.parametrize("place", ["bugged", "affected"])
def test_a_log_moved_by_a_person_is_taken_at_its_place(office: Office, fail: Run, place: str) -> None:
    (office.files.root / place).mkdir()
    office.files.classic_of(fail).rename(office.files.root / place / "a_1.log")
    assert "taken over" in _mend(office)[0]
    assert [run.placement for run in office.store.runs(SID)] == [place]
    assert office.differences() == []
    (office.files.root / place / "a_1.log").rename(office.files.classic_of(fail))
    _mend(office)
    assert [run.placement for run in office.store.runs(SID)] == ["fail"]


def test_a_log_that_is_gone_but_for_its_classic_link_is_linked_again(office: Office, fail: Run) -> None:
    office.files.run_log(fail.run_id).unlink()
    assert _mend(office)[-1] == "sid: 1 mended, 0 left"
    assert office.files.run_log(fail.run_id).read_text() == "what happened\n"


def test_a_result_whose_log_is_lost_is_tested_again(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nfail a 1\n what happened\n.\n")
    (run,) = office.store.runs(SID)
    office.files.run_log(run.run_id).unlink()
    office.files.classic_of(run).unlink()
    assert "tested again" in _mend(office)[0]
    assert [run.standing for run in office.store.runs(SID)] == [Standing.RETIRED]
    assert office.converse("section sid\nreserve\n")[-1] == "ok a 1"
    (left,) = office.differences(deep=False)
    assert left.text.endswith("is missing; it is of an older result, and nothing brings it back")


def test_a_truncated_log_is_noticed_by_its_size(office: Office, fail: Run) -> None:
    os.truncate(office.files.run_log(fail.run_id), 3)
    (difference,) = office.differences(deep=False)
    assert "has 3 bytes instead of 14" in difference.text


def test_a_changed_log_is_noticed_by_a_deep_check(office: Office, fail: Run) -> None:
    office.files.run_log(fail.run_id).write_text("what happenec\n")
    assert office.differences(deep=False) == []
    (difference,) = office.differences(deep=True)
    assert "other content" in difference.text


def test_a_classic_name_that_shows_an_older_log_is_replaced(office: Office, fail: Run) -> None:
    office.converse("section sid\npass b 1\n other\n.\n")
    newer = next(run for run in office.store.runs(SID) if run.package == "b")
    office.files.classic_of(newer).unlink()
    office.files.classic_of(newer).hardlink_to(office.files.run_log(fail.run_id))
    assert "shows an older log" in _mend(office)[0]
    assert office.files.classic_of(newer).read_text() == "other\n"


def test_a_file_of_somebody_else_is_told_and_left_alone(office: Office, fail: Run) -> None:
    office.files.classic_of(fail).unlink()
    office.files.classic_of(fail).write_text("a note of mine\n")
    completed = office.command("fsck", "--repair")
    assert completed.status == 1
    assert "hides the current log" in completed.stdout.decode()
    assert office.files.classic_of(fail).read_text() == "a note of mine\n"


def test_a_link_to_a_log_that_is_not_current_is_removed(office: Office, fail: Run) -> None:
    stale = office.files.root / "pass" / "a_1.log"
    stale.parent.mkdir()
    stale.hardlink_to(office.files.run_log(fail.run_id))
    assert "not current" in _mend(office)[0]
    assert not stale.exists()
    assert office.files.classic_of(fail).exists()


def test_what_a_killed_session_left_is_cleared_away_when_it_is_old(office: Office, fail: Run) -> None:
    unfinished = office.files.runs / ".new-abcdefgh"
    unacknowledged = office.files.runs / "20200101T000000Z-000000000000.log"
    for leftover in (unfinished, unacknowledged):
        leftover.write_text("half")
    assert office.differences() == []  # it may belong to a session that is still running
    for leftover in (unfinished, unacknowledged):
        _age(leftover)
    assert _mend(office)[-1] == "sid: 2 mended, 0 left"
    assert not unfinished.exists()
    assert (office.files.root / "stray" / unacknowledged.name).read_text() == "half"
    assert office.differences() == []


def test_a_log_that_the_store_does_not_know_is_taken_over_from_the_files(office: Office, fail: Run) -> None:
    (office.files.root / "bugged").mkdir()
    (office.files.root / "bugged" / "b_2.log").write_text("of an older farm\n")
    (office.files.root / "bugged" / "no log.log").write_text("x")
    completed = office.command("fsck", "--repair")
    assert completed.status == 1
    assert "--from-files" in completed.stdout.decode()
    completed = office.command("fsck", "--from-files")
    assert "b_2.log is taken over as current" in completed.stdout.decode()
    assert "no log.log is left alone" in completed.stdout.decode()
    run = next(run for run in office.store.runs(SID) if run.package == "b")
    assert (run.version, run.outcome, run.placement) == ("2", "fail", "bugged")
    assert office.files.run_log(run.run_id).samefile(office.files.root / "bugged" / "b_2.log")


@pytest.mark.parametrize("linked", [True, False])
def test_a_log_that_is_there_twice_is_taken_over_once(office: Office, linked: bool) -> None:
    for place in ("fail", "bugged"):
        (office.files.root / place).mkdir(parents=True)
    first, second = office.files.root / "fail" / "b_2.log", office.files.root / "bugged" / "b_2.log"
    first.write_text("of an older farm\n")
    second.hardlink_to(first) if linked else second.write_text("of an older farm\n")
    completed = office.command("fsck", "--from-files")
    assert (completed.status, completed.stderr) == (0, b""), completed.stdout
    (run,) = office.store.runs(SID)
    assert run.placement == "bugged"
    assert office.files.run_log(run.run_id).samefile(second)
    assert not first.exists()
    assert office.differences() == []


def test_a_dangling_link_among_the_logs_is_told(office: Office, fail: Run) -> None:
    (office.files.root / "fail" / "b_1.log").symlink_to("nowhere")
    (office.files.runs / "odd.log").symlink_to("nowhere")
    completed = office.command("fsck", "--from-files")
    assert (completed.status, completed.stderr) == (1, b"")
    assert "b_1.log" in completed.stdout.decode()


def test_a_lost_store_is_rebuilt_from_the_files(office: Office) -> None:
    office.converse("section sid\nfail a 1\n one\n.\npass b 1:2~3\n two\n.\nuntestable c 1\n.\n")
    before = {(run.run_id, run.package, run.version, run.outcome, run.log_sha256) for run in office.store.runs(SID)}
    office.store.close()
    for file in office.master_directory.glob("piufarm.sqlite*"):
        file.unlink()
    assert office.command("fsck", "--from-files").status == 0
    rebuilt = open_office(office.directory)
    found = {(run.run_id, run.package, run.version, run.outcome, run.log_sha256) for run in rebuilt.store.runs(SID)}
    assert found == before
    assert rebuilt.differences() == []
    rebuilt.store.close()


class _Disturbed(Check):
    """A check during which a slave delivers; `office` is where."""

    office: ClassVar[Office]

    def _strangers(self, seen: SectionScan) -> Iterator[Difference]:
        self.office.converse("section sid\npass later 1\n x\n.\n")
        with closing(sqlite3.connect(self.office.master_directory / "piufarm.sqlite")) as connection, connection:
            connection.execute(
                "INSERT INTO reservation (section_id, package, version, owner, reserved_at, deadline)"
                " SELECT id, 'a', '1', NULL, 0, 0 FROM section WHERE name = 'sid'"
            )
        self.office.converse("section sid\npass a 1\n better\n.\n")
        return super()._strangers(seen)


def test_what_sessions_store_meanwhile_is_no_difference(
    office: Office, fail: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan_and_deliver(files: SectionFiles) -> SectionScan:
        seen = scan(files)
        office.converse("section sid\npass late 1\n x\n.\n")
        return seen

    monkeypatch.setattr(fsck, "scan", scan_and_deliver)
    _Disturbed.office = office
    assert [found.text for found in _Disturbed(office.store, SID, office.files, deep=True).differences()] == []
    monkeypatch.undo()
    assert office.differences() == []
