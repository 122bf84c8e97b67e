"""What we write is what piuparts keeps, and what we have written we take over again as the same."""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piufarm.master.exchange.exporter import SectionExport
from piufarm.master.exchange.importer import SectionImport
from piufarm.names import Package
from piufarm.progress import NoProgress
from piufarm.run import Completed
from piufarm.states import COUNTS_COLUMNS
from piufarm.store.model import Run, Standing
from tests.master.exchange.theirs import FOLDERS, HEADER, T0, TheirMaster, their_master
from tests.master.office import SID, Office, open_office
from tests.support.stores import on_both_stores


def _command(office: Office, *words: str | Path) -> Completed:
    completed = office.command(*map(str, words))
    assert completed.status == 0, completed.stderr.decode()
    return completed


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_current_results_lie_in_their_folders_older_ones_in_the_archive(office: Office, tmp_path: Path) -> None:
    office.fill("a", "b", "c")
    office.converse("section sid\nfail a 1\n what happened\n.\npass b 1:2~3+b1\n two\n.\n")
    office.converse("section sid\nreserve\nreserve\n")
    _command(office, "export", tmp_path / "export")
    out = tmp_path / "export" / "sid"
    assert (out / "fail" / "a_1.log").read_text() == "what happened\n"
    assert (out / "pass" / "b_1:2~3+b1.log").read_text() == "two\n"
    assert sorted(path.name for path in (out / "reserved").iterdir()) == ["b_1.log", "c_1.log"]
    words = [line.split()[1:] for line in (out / "submissions.txt").read_text().splitlines()]
    assert words == [["fail", "a", "1"], ["pass", "b", "1:2~3+b1"]]
    assert {path.name for path in out.iterdir()} == {*FOLDERS, "archive", "submissions.txt"}
    assert {path.name for path in (out / "archive").iterdir()} == {"pass", "fail", "untestable", "bugged", "affected"}
    assert (out / "fail" / "a_1.log").stat().st_nlink == 1  # compressing programs refuse links


def test_of_a_version_and_outcome_the_newest_older_result_is_kept(office: Office, theirs: TheirMaster) -> None:
    theirs.log("archive/fail", "a_1", "oldest\n", at=T0)
    _command(office, "import", theirs.root)
    (theirs.section / "archive" / "fail" / "a_1.log").unlink()
    theirs.log("archive/fail", "a_1", "newer\n", at=T0 + 100)
    theirs.log("pass", "a_1", "now\n", at=T0 + 200)
    _command(office, "import", theirs.root)
    out = office.directory / "export"
    said = _command(office, "export", out).stdout.decode()
    assert "sid: 1 results and 1 older ones written" in said
    assert "1  older results left out" in said
    assert (out / "sid" / "archive" / "fail" / "a_1.log").read_text() == "newer\n"


def test_a_reservation_past_its_deadline_is_none(office: Office, theirs: TheirMaster, tmp_path: Path) -> None:
    theirs.marker("reserved", "a_1.log", at=T0)
    since = datetime.now(UTC) - timedelta(hours=1)
    theirs.marker("reserved", "b_1.log", at=int(since.timestamp()))
    _command(office, "import", theirs.root)
    _command(office, "export", tmp_path / "export")
    (marker,) = (tmp_path / "export" / "sid" / "reserved").iterdir()
    assert (marker.name, marker.stat().st_size) == ("b_1.log", 0)
    assert marker.stat().st_mtime == int(since.timestamp())


def test_retests_become_links_in_the_order_of_the_queue(office: Office, tmp_path: Path) -> None:
    office.fill("a", "b")
    office.converse("section sid\npass a 1\n x\n.\nfail b 1\n y\n.\n")
    for name in ("b", "a"):
        office.store.queue_recycle(SID, [Package(name)], now=datetime.now(UTC))
    _command(office, "export", tmp_path / "export")
    recycle = tmp_path / "export" / "sid" / "recycle"
    assert (recycle / "a_1.log").samefile(tmp_path / "export" / "sid" / "pass" / "a_1.log")
    assert (recycle / "b_1.log").samefile(tmp_path / "export" / "sid" / "fail" / "b_1.log")
    assert (recycle / "b_1.log").stat().st_ctime_ns <= (recycle / "a_1.log").stat().st_ctime_ns


def test_a_target_that_holds_something_is_refused(office: Office, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "mine").touch()
    for target in (tmp_path / "export", tmp_path / "export" / "mine"):
        refused = office.command("export", str(target))
        assert refused.status == 2
        assert "is not empty" in refused.stderr.decode()
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["mine"]


def test_a_log_that_is_gone_is_told_and_the_rest_is_written(office: Office, tmp_path: Path) -> None:
    office.converse("section sid\nfail a 1\n x\n.\npass b 1\n y\n.\n")
    (run,) = [run for run in office.store.runs(SID) if run.package == "a"]
    office.files.log_of(run).unlink()
    completed = office.command("export", str(tmp_path / "export"))
    assert completed.status == 3
    assert "1 logs are missing" in completed.stderr.decode()
    assert "piufarm master fsck" in completed.stderr.decode()
    assert (tmp_path / "export" / "sid" / "pass" / "b_1.log").exists()


def test_programs_get_json(office: Office, tmp_path: Path) -> None:
    office.converse("section sid\nfail a 1\n x\n.\n")
    (written,) = json.loads(_command(office, "export", tmp_path / "export", "--json").stdout)
    assert (written["section"], written["results"], written["missing"]) == ("sid", 1, [])


def _contents(office: Office) -> Sequence[tuple[object, ...]]:
    """All that the store knows of results, apart from why an older one is not current."""
    return [
        (
            run.run_id, run.package, run.version, run.outcome, run.standing is Standing.CURRENT, run.placement,
            run.received_at, run.log_bytes, run.log_sha256, run.seconds, tuple(office.store.problems(run.run_id)),
            _shown(office, run),
        )
        for run in office.store.runs(SID)
    ]  # fmt: skip


def _shown(office: Office, run: Run) -> bytes:
    name = office.files.classic_of(run) if run.standing is Standing.CURRENT else office.files.archived(run)
    return name.read_bytes()


def _filled(root: Path) -> TheirMaster:
    theirs = their_master(root)
    theirs.log("pass", "a_1:2.0~rc1+b1-1", "Start: 2026-11-20 05:02:37 UTC\nEnd: 2026-11-20 05:02:39 UTC\n", at=T0)
    theirs.log("fail", "b_1", "failed\n", at=T0 + 1)
    theirs.write("fail/b_1.kpr", "fail/b_1.log a_error.conf\nfail/b_1.log b_issue.conf\n")
    theirs.write("fail/b_1.bug", "<a>#1</a>\n<a>#2</a>\n")
    theirs.write("pass/a_1:2.0~rc1+b1-1.kpr", "")
    theirs.log("bugged", "c_1", "bugged\n", at=T0 + 2)
    theirs.log("affected", "d_1", "affected\n", at=T0 + 3)
    theirs.log("untestable", "e_None", "", at=T0 + 4)
    theirs.log("archive/pass", "a_1", "older\n", at=T0 - 5)
    theirs.compressed("archive/untestable", "b_0.9", "oldest\n", at=T0 - 6)
    theirs.marker("reserved", "f_1.log", at=int(datetime.now().timestamp()))
    theirs.write("counts.txt", HEADER + "20120101, " + ", ".join(map(str, range(1, 15))) + "\n")
    (theirs.root / "bts_stats.txt").write_text("20120101, 1, 2, 3, 4\n")
    return theirs


@on_both_stores
def test_what_was_taken_over_is_given_back_as_it_was(office: Office, tmp_path: Path) -> None:
    theirs = _filled(tmp_path / "theirs")
    _command(office, "import", theirs.root)
    _command(office, "export", tmp_path / "export")
    assert _files(tmp_path / "export") == _files(theirs.root)
    times = {
        root: {path.name: int(path.stat().st_mtime) for path in root.rglob("*.log*")}
        for root in (tmp_path / "export", theirs.root)
    }
    assert times[tmp_path / "export"] == times[theirs.root]


def test_what_was_given_back_is_taken_over_as_it_was(office: Office, tmp_path: Path) -> None:
    _command(office, "import", _filled(tmp_path / "theirs").root)
    _command(office, "export", tmp_path / "export")
    (tmp_path / "again").mkdir()
    again = open_office(tmp_path / "again")
    _command(again, "import", tmp_path / "export")
    assert _contents(again) == _contents(office)
    assert again.store.daily_counts(SID) == office.store.daily_counts(SID)
    assert again.store.reservations(SID) == office.store.reservations(SID)
    again.store.close()


def _import(office: Office, source: Path) -> None:
    told: list[str] = []
    SectionImport(office.store, office.section, source, office.files, False, NoProgress(), told.append).run()
    assert told == []


_NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{0,5}_[0-9][a-z0-9.+:~-]{0,6}", fullmatch=True)
_LOGS = st.lists(
    st.tuples(
        st.sampled_from([*FOLDERS[:5], *(f"archive/{folder}" for folder in FOLDERS[:5])]),
        _NAMES,
        st.text("aé \n\0", max_size=20),
        st.integers(T0, T0 + 10**6),
    ),
    max_size=12,
    unique_by=lambda log: log[:2],
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_LOGS, st.lists(st.integers(0, 10**6), min_size=14, max_size=14))
def test_whatever_it_holds_a_master_survives_the_way_there_and_back(
    tmp_path_factory: pytest.TempPathFactory, logs: list[tuple[str, str, str, int]], counts: list[int]
) -> None:
    directory = tmp_path_factory.mktemp("round")
    theirs = their_master(directory / "theirs")
    for place, name, text, at in logs:
        theirs.log(place, name, text, at=at)
    theirs.write("counts.txt", HEADER + "20120101, " + ", ".join(map(str, counts)) + "\n")
    offices = []
    source = theirs.root
    for number in range(2):
        (directory / str(number)).mkdir()
        offices.append(open_office(directory / str(number)))
        _import(offices[-1], source / "sid")
        assert offices[-1].differences() == []
        source = directory / f"export{number}"
        SectionExport(
            offices[-1].store, offices[-1].section, offices[-1].files, source / "sid", datetime.now(UTC), NoProgress()
        ).run()
    assert _contents(offices[0]) == _contents(offices[1])
    assert _files(directory / "export0") == _files(directory / "export1")
    ((_, kept),) = offices[1].store.daily_counts(SID)
    assert [kept[column] for column in COUNTS_COLUMNS] == counts
    for office in offices:
        office.store.close()


def test_a_log_is_packed_as_it_was(office: Office, theirs: TheirMaster, tmp_path: Path) -> None:
    theirs.compressed("archive/pass", "a_1", "older\n")
    _command(office, "import", theirs.root)
    _command(office, "export", tmp_path / "export")
    assert lzma.decompress((tmp_path / "export/sid/archive/pass/a_1.log.xz").read_bytes()) == b"older\n"
