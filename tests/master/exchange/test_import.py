"""An installation of piuparts is taken over: what its files said, our store says from then on."""

from __future__ import annotations

import fcntl
import json
import lzma
import os
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from piufarm.master.exchange import logs
from piufarm.master.exchange.listing import Listing
from piufarm.master.exchange.section_lock import import_lock
from piufarm.master.exchange.submissions import Submissions
from piufarm.names import Package
from piufarm.run import Completed
from piufarm.store.model import Reservation, Run, Standing
from tests.master.exchange.theirs import HEADER, T0, TheirMaster
from tests.master.office import SID, Office, open_office
from tests.support.stores import on_both_stores


def _import(office: Office, theirs: TheirMaster, *words: str) -> Completed:
    completed = office.command("import", str(theirs.root), *words)
    assert completed.status == 0, completed.stderr.decode()
    return completed


def _runs(office: Office, package: str = "a") -> list[Run]:
    return list(office.store.runs(SID, package=Package(package)))


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_result_is_taken_over_with_its_time_and_its_log(office: Office, theirs: TheirMaster) -> None:
    path = theirs.log("pass", "a_1:2.0~rc1+b1-1", "what happened\n", at=T0)
    os.utime(path, (T0 + 500, T0 + 500))
    before = theirs.digest()
    said = _import(office, theirs).stdout.decode()
    assert "sid: 1 results and 0 older ones taken over" in said
    assert "piufarm master refresh" in said
    (run,) = _runs(office)
    assert (run.version, run.outcome, run.standing, run.slave) == ("1:2.0~rc1+b1-1", "pass", "current", None)
    assert run.received_at == _time(T0)  # from submissions.txt, not the file
    ours = office.files.classic_of(run)
    assert ours.read_text() == "what happened\n"
    assert ours.samefile(office.files.log_of(run))
    assert not ours.samefile(path)
    assert ours.stat().st_mtime == T0 + 500
    assert theirs.digest() == before
    assert office.differences() == []


def test_without_a_line_in_submissions_the_time_is_that_of_the_file(office: Office, theirs: TheirMaster) -> None:
    path = theirs.log("fail", "a_1", at=None)
    os.utime(path, ns=(T0 * 10**9 + 123456789,) * 2)
    theirs.write("submissions.txt", "nonsense\n99999999999999999999 fail a 1\n-5 fail a 1\n1600000000 pass a 1\n\n")
    _import(office, theirs)
    assert [run.received_at for run in _runs(office)] == [_time(T0) + timedelta(microseconds=123456)]


def test_of_several_submissions_the_one_nearest_to_the_file_counts(office: Office, theirs: TheirMaster) -> None:
    path = theirs.log("fail", "a_1", at=T0)
    theirs.log("fail", "a_1", at=T0 + 5000)
    os.utime(path, (T0 + 1, T0 + 1))
    _import(office, theirs)
    assert [run.received_at for run in _runs(office)] == [_time(T0)]


@pytest.mark.parametrize(
    ("places", "winner"),
    [
        (("pass", "fail", "untestable"), "pass"),
        (("fail", "untestable"), "fail"),
        (("bugged", "untestable"), "bugged"),
        (("affected", "pass"), "pass"),
        (("untestable",), "untestable"),
    ],
)
def test_of_several_results_of_a_version_the_one_that_piuparts_goes_by_is_current(
    office: Office, theirs: TheirMaster, places: tuple[str, ...], winner: str
) -> None:
    for age, place in enumerate(places):
        theirs.log(place, "a_1", f"{place}\n", at=T0 + 100 * age)
    _import(office, theirs)
    runs = _runs(office)
    assert {run.placement: run.standing for run in runs} == {
        place: Standing.CURRENT if place == winner else Standing.SUPERSEDED for place in places
    }
    for run in runs:
        shown = office.files.classic_of(run) if run.standing is Standing.CURRENT else office.files.archived(run)
        assert shown.read_text() == f"{run.placement}\n"
    assert office.differences() == []


def test_of_two_failures_of_a_version_the_newer_one_is_current(office: Office, theirs: TheirMaster) -> None:
    theirs.log("bugged", "a_1", "old\n", at=T0)
    theirs.log("fail", "a_1", "new\n", at=T0 + 100)
    _import(office, theirs)
    assert [(run.placement, run.standing) for run in _runs(office)] == [("fail", "current"), ("bugged", "superseded")]


def test_archived_logs_become_history_compressed_ones_as_they_are(office: Office, theirs: TheirMaster) -> None:
    theirs.log("archive/fail", "a_0.9", "older\n", at=T0 + 50)
    packed = theirs.compressed("archive/pass", "a_0.8", "oldest\n", at=T0)
    theirs.marker("archive", "stamp")
    _import(office, theirs)
    newer, older = _runs(office)
    assert [(run.version, run.standing) for run in (newer, older)] == [("0.9", "retired"), ("0.8", "retired")]
    assert office.files.archived(newer).read_text() == "older\n"
    shown = office.files.archived(older)
    assert shown.name == "a_0.8.log.xz"
    assert lzma.decompress(shown.read_bytes()) == b"oldest\n"
    assert shown.read_bytes() == packed.read_bytes()
    assert shown.samefile(office.files.log_of(older))
    assert office.differences() == []


def test_known_problems_and_bugs_come_along(office: Office, theirs: TheirMaster) -> None:
    theirs.log("bugged", "a_1")
    theirs.write(
        "bugged/a_1.kpr",
        "bugged/a_1.log resource_violation_error.conf\nbugged/a_1.log broken_symlinks_issue.conf\n"
        "fail/a_1.log of_another_place.conf\nnonsense\n",
    )
    theirs.write("bugged/a_1.bug", '<a href="https://bugs.example.org/1">#1</a>\n')
    _import(office, theirs)
    (run,) = _runs(office)
    assert list(office.store.problems(run.run_id)) == ["broken_symlinks_issue", "resource_violation_error"]
    assert office.files.classic_of(run).with_suffix(".bug").read_text().endswith("#1</a>\n")


def test_the_durations_that_logs_tell_are_known(office: Office, theirs: TheirMaster) -> None:
    theirs.log("pass", "a_1", "Start: 2026-11-20 05:02:37 GMT\n\nret=0\nEnd: 2026-11-20 05:02:49 GMT\n")
    _import(office, theirs)
    assert [run.seconds for run in _runs(office)] == [12]


def test_reservations_are_taken_over_without_an_owner(office: Office, theirs: TheirMaster) -> None:
    theirs.marker("reserved", "a_1.log", at=T0)
    theirs.log("pass", "b_1", at=T0 + 10)
    theirs.marker("reserved", "b_1.log", at=T0)  # left behind: the result has come
    _import(office, theirs)
    since = _time(T0)
    (held,) = office.store.reservations(SID)
    assert held == Reservation(SID, Package("a"), held.version, None, since, since + timedelta(hours=48))
    office.converse("section sid\nfail a 1\n x\n.\n")
    assert office.store.reservations(SID) == []
    assert [run.standing for run in _runs(office)] == [Standing.CURRENT]


def test_counts_keep_the_columns_that_no_state_has_any_more(office: Office, theirs: TheirMaster) -> None:
    theirs.write("counts.txt", HEADER + "20120101, " + ", ".join(map(str, range(1, 15))) + "\n20120102, 1\n")
    said = _import(office, theirs).stderr.decode()
    assert "counts.txt is left alone: line 3 makes no sense: '20120102, 1'" in said
    ((day, counts),) = office.store.daily_counts(SID)
    assert day == date(2012, 1, 1)
    assert counts["essential-required"] == 4
    assert counts["outdated"] == 14


def test_what_cannot_be_taken_over_is_told_in_one_line_and_left(office: Office, theirs: TheirMaster) -> None:
    odd = [
        theirs.marker("pass", "tmpab12cd_9"),
        theirs.log("pass", "a_b_1", at=None),
        theirs.marker("fail", "notes.txt"),
        theirs.marker("reserved", "no-version"),
        theirs.marker("recycle", "a_\n.log"),
    ]
    (theirs.section / "fail" / "link_1.log").symlink_to("nowhere")
    (theirs.section / "fail" / "dir_1.log").mkdir()
    os.mkfifo(theirs.section / "fail" / "pipe_1.log")
    (theirs.section / "fail" / os.fsdecode(b"\xff_1.log")).touch()
    theirs.marker(".", "idle.stamp")
    theirs.marker(".", "recycle.stamp")
    theirs.log("pass", "good_1")
    completed = _import(office, theirs)
    lines = completed.stderr.decode().splitlines()
    assert len(lines) == len(odd) + 4
    assert all(" is left alone: " in line for line in lines)
    assert "sid: 1 results" in completed.stdout.decode()
    assert "9  files left alone" in completed.stdout.decode()


@on_both_stores
def test_an_import_can_be_repeated_and_takes_only_what_is_new(office: Office, theirs: TheirMaster) -> None:
    theirs.log("pass", "a_1", "first\n")
    theirs.log("archive/pass", "a_0.9", "older\n", at=T0 - 100)
    theirs.marker("reserved", "c_1.log")
    theirs.write("counts.txt", HEADER + "20120101, " + ", ".join(map(str, range(1, 15))) + "\n")
    _import(office, theirs)
    before = list(office.store.runs(SID))
    said = _import(office, theirs).stdout.decode()
    assert "sid: 0 results and 0 older ones taken over" in said
    assert "2  logs were known already" in said
    assert list(office.store.runs(SID)) == before
    # their farm went on: a retest failed, an older log was compressed, a bug was filed
    (theirs.section / "pass" / "a_1.log").unlink()
    theirs.log("fail", "a_1", "second\n", at=T0 + 500)
    old = theirs.section / "archive" / "pass" / "a_0.9.log"
    packed = old.with_name("a_0.9.log.xz")
    packed.write_bytes(lzma.compress(old.read_bytes()))
    os.utime(packed, ns=(old.stat().st_mtime_ns,) * 2)
    old.unlink()
    assert "sid: 1 results and 0 older ones taken over" in _import(office, theirs).stdout.decode()
    assert [(run.outcome, run.standing) for run in _runs(office)] == [
        ("fail", "current"), ("pass", "superseded"), ("pass", "retired"),
    ]  # fmt: skip
    assert office.differences() == []
    lines = (office.files.root / "submissions.txt").read_text().splitlines()
    assert lines == (theirs.section / "submissions.txt").read_text().splitlines()


@on_both_stores
def test_what_our_slaves_have_reported_since_stays(office: Office, theirs: TheirMaster) -> None:
    theirs.log("fail", "a_1", "theirs\n")
    office.converse("section sid\npass a 1\n ours\n.\n")
    _import(office, theirs)
    assert [(run.outcome, run.standing) for run in _runs(office)] == [("pass", "current"), ("fail", "superseded")]
    assert office.differences() == []
    ours = (office.files.root / "submissions.txt").read_text().splitlines()
    _import(office, theirs)
    assert (office.files.root / "submissions.txt").read_text().splitlines() == ours
    assert len(ours) == 2


def test_files_that_were_copied_in_one_second_are_told_apart(office: Office, theirs: TheirMaster) -> None:
    for place in ("fail", "archive/fail"):
        os.utime(theirs.log(place, "a_1", f"{place}\n", at=None), (T0, T0))
    _import(office, theirs)
    assert sorted(office.files.log_of(run).read_text() for run in _runs(office)) == ["archive/fail\n", "fail\n"]
    assert "2  logs were known" in _import(office, theirs).stdout.decode()


@on_both_stores
def test_in_place_the_files_become_ours_where_they_are(office: Office) -> None:
    theirs = TheirMaster(office.master_directory)
    passed = theirs.log("pass", "a_1", "pass\n", at=T0)
    theirs.log("fail", "a_1", "fail\n", at=T0 + 10)
    packed = theirs.compressed("archive/pass", "a_0.9", "older\n")
    theirs.marker("reserved", "b_1.log", at=datetime.now().timestamp())
    theirs.write("pass/a_1.kpr", "")
    theirs.write("fail/a_1.kpr", "fail/a_1.log a_error.conf\n")
    inodes = {passed.stat().st_ino, packed.stat().st_ino, (theirs.section / "fail" / "a_1.log").stat().st_ino}
    said = _import(office, theirs, "--in-place").stdout.decode()
    assert "sid: 1 results and 2 older ones taken over" in said
    runs = _runs(office)
    assert {office.files.log_of(run).stat().st_ino for run in runs} == inodes
    assert passed.samefile(office.files.log_of(next(run for run in runs if run.standing is Standing.CURRENT)))
    assert list((theirs.section / "fail").iterdir()) == []
    assert (theirs.section / "archive" / "fail" / "a_1.log").read_text() == "fail\n"
    assert packed.exists()
    assert list((theirs.section / "reserved").iterdir()) == []
    assert [held.package for held in office.store.reservations(SID)] == ["b"]
    assert office.differences() == []
    assert "3  logs were known" in _import(office, theirs, "--in-place").stdout.decode()
    office.converse("section sid\npass c 1\n x\n.\n")
    assert office.differences() == []


def test_in_place_is_refused_while_somebody_is_connected(office: Office) -> None:
    theirs = TheirMaster(office.master_directory)
    theirs.log("pass", "a_1")
    with (theirs.section / "master.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = office.command("import", str(theirs.root), "--in-place")
    assert refused.status == 3
    assert "a program of piuparts is at work" in refused.stderr.decode()
    assert list(office.store.runs(SID)) == []


def test_results_arriving_during_a_copy_are_announced_for_the_next_time(office: Office, theirs: TheirMaster) -> None:
    theirs.log("pass", "a_1")
    with (theirs.section / "master.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        completed = _import(office, theirs)
    assert "import again when it has ended" in completed.stderr.decode()
    assert len(_runs(office)) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["{theirs}", "nowhere"], "no section 'nowhere'"),
        (["{theirs}", "other"], "has no section other"),
        (["{theirs}/sid"], "holds no section of"),
        (["{theirs}/missing"], "no directory"),
        (["{theirs}", "--in-place"], "is not the master-directory"),
        (["{ours}"], "with --in-place its files become ours"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    office: Office, theirs: TheirMaster, words: list[str], complaint: str
) -> None:
    filled = [word.format(theirs=theirs.root, ours=office.master_directory) for word in words]
    refused = office.command("import", *filled)
    assert refused.status == 2
    assert complaint in refused.stderr.decode()
    assert list(office.store.runs(SID)) == []


def test_sections_that_we_do_not_have_are_named(office: Office, theirs: TheirMaster) -> None:
    theirs.log("pass", "a_1")
    (theirs.root / "wheezy2jessie" / "pass").mkdir(parents=True)
    (theirs.root / "tarball" / "sid" / "pass").mkdir(parents=True)
    said = _import(office, theirs).stderr.decode()
    assert "wheezy2jessie is left alone" in said
    assert "tarball/sid is left alone" in said
    assert said.count("\n") == 2


def test_the_histories_of_the_farm_come_along(office: Office, theirs: TheirMaster) -> None:
    (theirs.root / "bts_stats.txt").write_text("20120101, 1, 2, 3, 4\n")
    _import(office, theirs)
    assert (office.master_directory / "bts_stats.txt").read_text() == "20120101, 1, 2, 3, 4\n"


def test_programs_get_json(office: Office, theirs: TheirMaster) -> None:
    theirs.log("pass", "a_1")
    theirs.marker("pass", "odd")
    completed = _import(office, theirs, "--json")
    assert completed.stderr == b""
    said = json.loads(completed.stdout)
    none = dict.fromkeys(("history", "known", "reservations", "retests", "days"), 0)
    assert said["sections"] == [{"section": "sid", "results": 1, "left": 1, **none}]
    assert len(said["left"]) == 1


def test_an_import_that_was_interrupted_is_completed_by_the_next(
    office: Office, theirs: TheirMaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_BATCH", 2)
    for number in range(6):
        theirs.log("pass", f"p{number}_1", f"{number}\n")
    for steps in (0, 1, 3):
        takeover = logs.LogTakeover(
            office.store, SID, office.files, Listing(theirs.section), Submissions({}), in_place=False
        ).take_over()
        assert len(list(islice(takeover, steps))) == steps
        del takeover  # in the middle of a batch
    office.files.classic_of(_runs(office, "p0")[0]).unlink()  # it had ended between the row and the link
    _import(office, theirs)
    assert len(list(office.store.runs(SID))) == 6
    assert sorted(path.read_text() for path in office.files.root.glob("pass/*.log")) == [f"{n}\n" for n in range(6)]
    assert office.differences() == []


def test_a_retest_in_their_queue_is_a_retest_in_ours(office: Office, theirs: TheirMaster) -> None:
    log = theirs.log("pass", "a_1")
    (theirs.section / "recycle" / "a_1.log").hardlink_to(log)
    theirs.marker("recycle", "b_1.log")  # nothing is known of it: it is to be tested anyway
    said = _import(office, theirs).stdout.decode()
    assert "1  packages that are to be tested again" in said
    assert (office.files.root / "recycle" / "a_1.log").samefile(office.files.root / "pass" / "a_1.log")
    assert not (office.files.root / "recycle" / "b_1.log").exists()


def test_another_farm_starts_from_the_imported_results(tmp_path: Path, theirs: TheirMaster) -> None:
    office = open_office(tmp_path)
    theirs.log("fail", "a_1")
    theirs.marker("reserved", "c_1.log", at=datetime.now().timestamp())
    _import(office, theirs)
    office.fill("a", "b -> a", "c", "d")
    status = office.converse("section sid\nstatus\nreserve\nreserve\n")
    assert "failed-testing=1" in status[2]
    assert "dependency-failed-testing=1" in status[2]
    assert status[3:] == ["ok d 1", "error"]
    office.store.close()


@on_both_stores
def test_states_follow_at_once_where_the_archive_is_known(office: Office, theirs: TheirMaster) -> None:
    office.fill("a", "b -> a", "c")
    theirs.log("fail", "a_1")
    theirs.marker("reserved", "c_1.log", at=datetime.now().timestamp())
    _import(office, theirs)
    assert office.converse("section sid\n_state b\nreserve\n")[2:] == ["ok dependency-failed-testing 1", "error"]


def test_compressed_logs_that_were_copied_and_never_entered_are_put_aside(office: Office) -> None:
    office.converse("section sid\npass a 1\n x\n.\n")
    orphan = office.files.runs / "20200101T000000Z-000000000000.log.xz"
    orphan.write_bytes(b"x")
    os.utime(orphan, (T0, T0))
    with office.store.exclusive(import_lock(SID)):
        assert office.differences() == []  # its row may be about to come
        refused = office.command("fsck", "--from-files")
    assert "an import of sid is at work" in refused.stderr.decode()
    completed = office.command("fsck", "--repair")
    assert (completed.status, completed.stderr) == (0, b"")
    assert (office.files.root / "stray" / orphan.name).exists()
