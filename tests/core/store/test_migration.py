"""A file of the first release opens with all that it holds, whatever happens on the way."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.run import clean_environment, run
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.model import Standing, Store
from tests.core.store.builders import HOUR, NOON, SID, result
from tests.core.store.processes import in_processes
from tests.support.clone import CLONE

_VERSION_1: Final = Path(__file__).with_name("version-1.sql").read_text()


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file of version 1, as it is in the middle of a farm's life."""
    path = tmp_path / "farm.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_VERSION_1)
    return path


def _migrated(path: Path) -> Store:
    return open_store(f"sqlite://{path}", create=False)


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_everything_that_was_there_is_there(old_file: Path) -> None:
    with closing(_migrated(old_file)) as store:
        row = store.section(SID)
        assert row is not None
        assert (row.generation, row.refreshed_at, row.index_digest, row.index_size) == (2, NOON, "second", 6)
        assert [(row.name, row.state) for row in store.packages(SID)] == [
            ("again", PackageState.WAITING_TO_BE_TESTED),
            ("alone", PackageState.FAILED_TESTING),
            ("base", PackageState.SUCCESSFULLY_TESTED),
            ("held", PackageState.WAITING_TO_BE_TESTED),
            ("user", PackageState.WAITING_TO_BE_TESTED),
        ]
        assert store.package(SID, Package("outside")) is not None
        assert [(run.package, run.outcome, run.standing) for run in store.runs(SID)] == [
            ("alone", Outcome.FAIL, Standing.UNRESERVED),
            ("alone", Outcome.FAIL, Standing.CURRENT),
            ("base", Outcome.PASS, Standing.CURRENT),
            ("gone", Outcome.PASS, Standing.RETIRED),
        ]
        assert {held.package: (held.owner, held.deadline) for held in store.reservations(SID)} == {
            "again": ("worker2", NOON + HOUR),
            "base": ("worker3", NOON + 74 * HOUR),
            "held": ("worker1", NOON + 48 * HOUR),
        }
        assert [(day, sum(counts.values())) for day, counts in store.daily_counts(SID)] == [(date(2026, 11, 20), 5)]
    assert _version(old_file) == 2


def test_it_has_exactly_the_tables_of_a_new_store(old_file: Path, tmp_path: Path) -> None:
    _migrated(old_file).close()
    open_store(f"sqlite://{tmp_path}/new.sqlite").close()
    tables = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    with closing(sqlite3.connect(old_file)) as old, closing(sqlite3.connect(tmp_path / "new.sqlite")) as new:
        assert old.execute(tables).fetchall() == new.execute(tables).fetchall()
        assert old.execute("PRAGMA foreign_key_check").fetchall() == []
        assert old.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_who_depends_on_what_is_known_by_name_and_by_provider(old_file: Path) -> None:
    with closing(_migrated(old_file)) as store:
        assert store.reverse_dependencies(SID, Package("base")) == ["user"]
        assert store.reverse_dependencies(SID, Package("virtual")) == ["user"]
        around = store.neighbourhood(SID, Package("base"), limit=10)
        assert around is not None
        assert [node.name for node in around.dependents] == ["user"]
        assert "base" in {node.name for node in around.options}


def test_states_are_computed_anew_and_the_farm_goes_on(old_file: Path) -> None:
    with closing(_migrated(old_file)) as store:
        assert store.evaluation_due(SID)
        reserved = store.reserve(SID, owner="worker5", now=NOON + 2 * HOUR, deadline=NOON + 9 * HOUR)
        assert reserved is not None
        assert reserved.package == "user"  # the others are held
        held = store.record_run(SID, result("held", slave="worker1", at=NOON + 3 * HOUR))
        assert held.run.standing is Standing.CURRENT
        late = store.record_run(SID, result("base", slave="worker1", log=b"late\n", at=NOON + 3 * HOUR))
        assert late.run.standing is Standing.LATE


_POINTS: Final = ("migrate.renamed", "migrate.table-copied", "migrate.table-copied:kill:3", "migrate.commit-due")


@pytest.mark.parametrize("point", _POINTS)
def test_a_kill_in_the_middle_leaves_the_old_file_for_the_next_one(old_file: Path, point: str) -> None:
    fault = point if ":" in point else f"{point}:kill"
    program = "import sys; from piufarm.store import open_store; open_store(sys.argv[1])"
    killed = run(
        [sys.executable, "-c", program, f"sqlite://{old_file}"],
        env=clean_environment(PYTHONPATH=str(CLONE), PIUFARM_FAULTS=fault),
        check=False,
    )
    assert killed.status == -9
    assert _version(old_file) == 1
    test_everything_that_was_there_is_there(old_file)


def test_several_processes_open_it_at_once(old_file: Path) -> None:
    assert in_processes(4, _open_and_count, f"sqlite://{old_file}") == [4, 4, 4, 4]
    assert _version(old_file) == 2


def _open_and_count(number: int, url: str) -> int:
    with closing(open_store(url, create=False)) as store:
        return len(list(store.runs(SID)))
