"""Sections: what their pages say, and that trouble in one stays there."""

from __future__ import annotations

import fcntl
import lzma
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from piufarm.config.load import load
from piufarm.errors import PiufarmError, UsageError
from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome
from piufarm.report.site import build_site
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Dependency, run_log
from piufarm.store.sql.store import SqlStore
from piufarm.store.sqlite.database import SqliteDatabase
from tests.report import logs
from tests.report.pages import look_at
from tests.report.sample import NOW, SID, SampleFarm, fill, index_package, make_farm, set_states

TESTING = SectionName("testing")


def _two_sections(tmp_path: Path) -> SampleFarm:
    farm = make_farm(tmp_path / "farm", ("sid", "testing"))
    store = farm.open()
    for section in (SID, TESTING):
        fill(store, section, [index_package("aa")])
        farm.add_run(store, section, "aa", "1.0-1", Outcome.FAIL, logs.failing("aa", "1.0-1"))
    store.close()
    return farm


@pytest.mark.parametrize(
    ("stanzas", "shown"), [(("sid", "testing"), {"sid", "testing"}), (("sid", "report"), {"report"})]
)
def test_without_a_list_of_sections_it_is_the_one_called_report_or_all(
    tmp_path: Path, stanzas: Sequence[str], shown: set[str]
) -> None:
    make_farm(tmp_path / "farm", stanzas)
    path = tmp_path / "farm" / "piuparts.conf"
    path.write_text(path.read_text().replace("sections = ", "#"))
    farm = SampleFarm(tmp_path / "farm", load(path), f"sqlite://{tmp_path}/farm/store.sqlite")
    assert farm.report().troubles == {}
    assert {index.parent.name for index in farm.output.glob("*/index.html")} == shown


def _break_sid(farm: SampleFarm) -> None:
    """Put something into the store that no program of ours would."""
    path = farm.store_url.removeprefix("sqlite://")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(
            "UPDATE run SET package = '../../etc/passwd' WHERE section_id = (SELECT id FROM section WHERE name = 'sid')"
        )


def test_a_section_with_broken_data_does_not_keep_the_others_from_being_rendered(tmp_path: Path) -> None:
    farm = _two_sections(tmp_path)
    _break_sid(farm)
    outcome = farm.report()
    assert list(outcome.troubles) == ["sid"]
    assert "not a Package" in outcome.troubles[SID]
    assert (farm.output / "testing/package/a/aa.html").exists()
    assert '"testing/source/a/aa.html' not in (farm.output / "summary.json").read_text()
    assert "/testing/source/a/aa.html" in (farm.output / "summary.json").read_text()
    assert "Not up to date." in (farm.output / "index.html").read_text()


def test_a_section_that_breaks_keeps_the_pages_and_the_verdicts_that_it_had(tmp_path: Path) -> None:
    farm = _two_sections(tmp_path)
    farm.report()
    _break_sid(farm)
    outcome = farm.report()
    assert list(outcome.troubles) == ["sid"]
    assert (farm.output / "sid/package/a/aa.html").exists()
    assert "/sid/source/a/aa.html" in (farm.output / "summary.json").read_text()


def test_a_store_that_cannot_be_opened_is_trouble_of_every_section_and_not_a_crash(tmp_path: Path) -> None:
    farm = _two_sections(tmp_path)
    farm.report()
    Path(farm.store_url.removeprefix("sqlite://")).write_bytes(b"not a database" * 1000)
    outcome = farm.report()
    assert set(outcome.troubles) == {"sid", "testing"}
    assert (farm.output / "sid/package/a/aa.html").exists()


class _RefreshedMeanwhile(SqlStore):
    """A store whose archive changes between two of a report's questions."""

    def all_dependencies(self, section: SectionName) -> Iterator[tuple[Package, Sequence[Dependency]]]:
        fill(self, section, [index_package("aa", "newer"), index_package("newer"), index_package("other", "aa")])
        return super().all_dependencies(section)


def test_an_archive_that_changes_while_a_section_is_read_does_no_harm(farm: SampleFarm) -> None:
    store = farm.open()
    fill(store, SID, [index_package("aa", "gone"), index_package("gone", "aa")])
    store.close()
    database = SqliteDatabase(Path(farm.store_url.removeprefix("sqlite://")), create=False)
    assert build_site(farm.configuration, lambda: _RefreshedMeanwhile(database), now=NOW).troubles == {}
    assert farm.report().troubles == {}
    assert (farm.output / "sid/package/n/newer.html").exists()
    assert not (farm.output / "sid/package/g/gone.html").exists()


def test_a_log_outside_the_sections_directory_is_refused(farm: SampleFarm) -> None:
    store = farm.open()
    fill(store, SID, [index_package("aa")])
    farm.add_run(store, SID, "aa", "1.0-1", Outcome.FAIL, b"x\n")
    store.close()
    with sqlite3.connect(farm.store_url.removeprefix("sqlite://")) as database:
        database.execute("UPDATE run SET log = '../../secret'")
    outcome = farm.report()
    assert "outside its section" in outcome.troubles[SID]


def test_one_report_at_a_time(farm: SampleFarm) -> None:
    with (farm.master_directory / "report.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PiufarmError, match="another report"):
            farm.report()
    assert farm.report().troubles == {}


def test_a_master_directory_that_is_missing_is_said_so(farm: SampleFarm) -> None:
    farm.master_directory.rmdir()
    with pytest.raises(PiufarmError, match="cannot open") as caught:
        farm.report()
    assert caught.value.hint


def test_an_unknown_section_is_a_usage_error_that_names_the_known_ones(farm: SampleFarm) -> None:
    with pytest.raises(UsageError) as caught:
        farm.report("nonsense")
    assert caught.value.hint == "sections: sid"


def test_a_section_that_tests_nothing_has_no_pages(tmp_path: Path) -> None:
    farm = make_farm(tmp_path / "farm", ("sid", "off"), more="max-reserved = 0\n")
    farm.report()
    assert not (farm.output / "off").exists()
    assert "off" not in look_at(farm.output / "index.html").words.split()


def test_the_count_of_a_day_is_that_of_its_last_report(farm: SampleFarm) -> None:
    store = farm.open()
    fill(store, SID, [index_package("aa"), index_package("bb")])
    farm.report()
    farm.add_run(store, SID, "aa", "1.0-1", Outcome.PASS, logs.passing("aa", "1.0-1"))
    farm.report()
    ((day, counts),) = store.daily_counts(SID)
    store.close()
    assert (day, counts["successfully-tested"], counts["unknown"]) == (NOW.date(), 1, 1)
    assert "20261120, 1, 0," in (farm.output / "sid/counts.txt").read_text()


def test_a_package_page_tells_state_dependencies_and_who_needs_it(farm: SampleFarm) -> None:
    store = farm.open()
    fill(
        store,
        SID,
        [
            index_package("aa", "bb | cc", "!dd", "virtual", "missing", maintainer="Me <me@example.org>"),
            index_package("bb"),
            index_package("dd", provides=("virtual",)),
            index_package("user", "aa"),
            index_package("far", listed=False),
            index_package("near", "far"),
        ],
    )
    failed = ComputedState(PackageState.DEPENDENCY_FAILED, "depends on dd, which failed its test", blocked=1)
    set_states(store, SID, {"aa": failed, "dd": ComputedState(PackageState.FAILED_TESTING, "version 1.0-1 failed")})
    store.close()
    farm.report()
    words = look_at(farm.output / "sid/package/a/aa.html").words
    assert "depends on dd, which failed its test Holds up 1 other package." in words
    assert "bb unknown or cc does not exist" in words
    assert "before unpacking dd failed testing" in words
    assert "virtual virtual provided by dd failed testing" in words
    assert "missing does not exist" in words
    assert "Needed by user unknown" in words
    assert "Not tested yet." in words
    assert "far not in this section" in look_at(farm.output / "sid/package/n/near.html").words
    state = look_at(farm.output / "sid/state-dependency-failed-testing.html").words
    assert "dd failed testing" in state
    assert not (farm.output / "sid/package/f/far.html").exists()


def test_a_library_that_everything_needs_shows_those_in_trouble_first_and_counts_the_rest(farm: SampleFarm) -> None:
    store = farm.open()
    users = [index_package(f"user{number:03}", "libx") for number in range(300)]
    fill(store, SID, [index_package("libx"), *users])
    set_states(store, SID, {"user299": ComputedState(PackageState.FAILED_TESTING, "failed")})
    store.close()
    farm.report()
    words = look_at(farm.output / "sid/package/libx/libx.html").words
    assert "Needed by user299 failed testing user000 unknown" in words
    assert "and 100 more." in words


def test_a_result_of_a_package_that_the_archive_does_not_know_is_listed_with_its_raw_log(farm: SampleFarm) -> None:
    store = farm.open()
    farm.add_run(store, SID, "stray", "1", Outcome.PASS, logs.passing("stray", "1"))
    store.close()
    farm.report()
    assert "../sid/pass/stray_1.log" in look_at(farm.output / "sid/pass.html").values("href")


def test_every_run_of_a_package_is_in_its_history_with_its_log(farm: SampleFarm) -> None:
    store = farm.open()
    fill(store, SID, [index_package("aa")])
    farm.add_run(store, SID, "aa", "1.0-1", Outcome.FAIL, logs.failing("aa", "1.0-1"))
    stray = farm.add_run(store, SID, "aa", "1.0-1", Outcome.PASS, logs.passing("aa", "1.0-1"), slave="other")
    store.close()
    farm.report()
    seen = look_at(farm.output / "sid/package/a/aa.html")
    assert f"../../../sid/history/aa_1.0-1_{stray}.log" in seen.values("href")
    assert (farm.output / f"sid/history/aa_1.0-1_{stray}.log").read_bytes() == logs.passing("aa", "1.0-1")
    assert "unreserved" in seen.words


def test_a_log_that_was_taken_over_compressed_is_offered_as_it_is(farm: SampleFarm) -> None:
    store = farm.open()
    fill(store, SID, [index_package("aa")])
    run_id = farm.add_run(store, SID, "aa", "0.9-1", Outcome.PASS, lzma.compress(logs.passing("aa", "0.9-1")))
    store.retire(SID, [run_id])
    store.close()
    path = farm.master_directory / SID / run_log(run_id)
    path.rename(path.with_name(f"{path.name}.xz"))
    with closing(sqlite3.connect(farm.directory / "store.sqlite")) as connection, connection:
        connection.execute("UPDATE run SET log = log || '.xz'")
    farm.report()
    seen = look_at(farm.output / "sid/package/a/aa.html")
    assert f"../../../sid/history/aa_0.9-1_{run_id}.log.xz" in seen.values("href")
    published = farm.output / f"sid/history/aa_0.9-1_{run_id}.log.xz"
    assert lzma.decompress(published.read_bytes()) == logs.passing("aa", "0.9-1")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", "Packages of sid, main, on amd64: installed, removed and purged."),
        ("description = Ours alone", "Ours alone"),
        ("description = + And <b>more</b>.", "installed, removed and purged. And <b>more</b>."),
        ("description = Before: +", "Before: Packages of sid, main"),
    ],
)
def test_a_section_is_described(tmp_path: Path, settings: str, expected: str) -> None:
    farm = make_farm(tmp_path / "farm", more=f"{settings}\n")
    farm.report()
    assert expected in look_at(farm.output / "sid/index.html").words
