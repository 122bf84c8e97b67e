"""What is particular to a store in a file."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from piufarm.errors import ConfigError
from piufarm.store import StoreError, open_store
from piufarm.store.model import IndexPackage
from piufarm.store.sql.store import SqlStore
from piufarm.store.sqlite.database import SqliteDatabase
from tests.core.store.builders import NOON, SID, fill, package


def _url(path: Path) -> str:
    return f"sqlite://{path}"


def test_a_new_store_is_made_with_its_folders_and_closed_to_strangers(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "below" / "farm.sqlite"
    with closing(open_store(_url(path))):
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["farm.sqlite"]


def test_a_missing_store_is_not_made_unless_asked(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at") as caught:
        open_store(_url(tmp_path / "farm.sqlite"), create=False)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_many_processes_may_make_the_same_store_at_once(tmp_path: Path) -> None:
    opened = []

    def make() -> None:
        with closing(open_store(_url(tmp_path / "farm.sqlite"))) as store:
            opened.append(store.sections())

    makers = [threading.Thread(target=make) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert opened == [[]] * 8


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "farm.sqlite"
    open_store(_url(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match=r"written by a newer piufarm \(schema 99") as caught:
        open_store(_url(path))
    assert caught.value.hint == "upgrade piufarm on this host"


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (text)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a piufarm store"):
        open_store(_url(path))
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "farm.sqlite"
    path.write_bytes(b"this is a letter to my aunt\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(_url(path))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"farm\.sqlite"):
        open_store(_url(tmp_path / "file" / "farm.sqlite"))


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite://host/path", "/just/a/path"])
def test_a_url_that_no_database_speaks_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no store behind"):
        open_store(url)


def test_four_slashes_mean_the_same_as_three(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/farm.sqlite")) as store:
        fill(store, package("a"))
    with closing(open_store(_url(tmp_path / "farm.sqlite"), create=False)) as store:
        assert [row.name for row in store.packages(SID)] == ["a"]


def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "farm.sqlite"
    database = SqliteDatabase(path, create=True)
    with closing(SqlStore(database)) as store:
        fill(store, package("a"))
        with closing(sqlite3.connect(path)) as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        with database.read() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full") as caught:
            fill(store, *(package(f"p{number}") for number in range(3000)))
        assert caught.value.hint is not None
        assert "make room" in caught.value.hint
        assert [row.name for row in store.packages(SID)] == ["a"]


def test_a_store_in_a_folder_that_may_not_be_entered_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(StoreError, match="Permission denied") as caught:
            open_store(f"sqlite://{tmp_path}/closed/farm.sqlite")
    finally:
        os.seteuid(0)
    assert caught.value.hint is not None


def test_a_snapshot_that_fails_half_way_leaves_no_rows_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[IndexPackage]:
        yield from (package(f"p{number}", depends="a | b") for number in range(1500))
        raise OSError("the archive went away")

    with closing(open_store(_url(tmp_path / "farm.sqlite"))) as store:
        fill(store, package("old"))
        with pytest.raises(OSError, match="went away"):
            store.replace_packages(SID, broken(), index_digest="new", now=NOON)
    with closing(sqlite3.connect(tmp_path / "farm.sqlite")) as connection:
        assert connection.execute("SELECT name FROM package").fetchall() == [("old",)]
        assert connection.execute("SELECT count(*) FROM dependents").fetchone() == (0,)
