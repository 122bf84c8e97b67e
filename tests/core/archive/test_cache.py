"""The cache of indexes: verified, fetched once, never replaced by bad data."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from demo.server import serve
from piufarm.archive.cache import IndexCache
from piufarm.archive.errors import (
    ArchiveError,
    HashMismatch,
    MissingIndex,
    NotFound,
    SizeMismatch,
)
from piufarm.archive.fetch import Fetcher
from piufarm.archive.release import ListedFile, Release, fetch_release
from piufarm.archive.trust import Trust
from tests.core.archive.handmade import INDEX, HandmadeArchive, digest, paragraph

TEXT = paragraph("hello") + paragraph("world")


@pytest.fixture
def cache(tmp_path: Path, fetcher: Fetcher) -> IndexCache:
    return IndexCache(tmp_path / "cache" / "indexes", fetcher)


def release_of(archive: HandmadeArchive, url: str | None = None) -> Release:
    """The archive's Release file, unverified."""
    trust = Trust((), unsigned=True, check_valid_until=False)
    return fetch_release(url or archive.url, archive.suite, trust=trust, fetcher=Fetcher())


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".bz2", ""])
@pytest.mark.parametrize("by_hash", [True, False])
def test_an_index_comes_in_whatever_form_there_is(
    unsigned: HandmadeArchive, cache: IndexCache, suffix: str, by_hash: bool
) -> None:
    unsigned.publish(TEXT, served=(suffix,), by_hash=by_hash)
    assert cache.index(release_of(unsigned), INDEX).read_text() == TEXT


def test_by_hash_counts_where_the_plain_name_has_moved_on(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish(TEXT, by_hash=True)
    release = release_of(unsigned)
    (unsigned.directory / f"{INDEX}.xz").write_bytes(b"a newer one")
    assert cache.index(release, INDEX).read_text() == TEXT


def test_an_archive_that_promises_by_hash_and_lacks_it_is_read_by_name(
    unsigned: HandmadeArchive, cache: IndexCache
) -> None:
    unsigned.publish(TEXT)
    assert cache.index(replace(release_of(unsigned), by_hash=True), INDEX).read_text() == TEXT


def test_an_index_is_fetched_once_and_again_only_when_it_changed(
    unsigned: HandmadeArchive, cache: IndexCache
) -> None:
    unsigned.publish(TEXT)
    with serve(unsigned.root) as server:
        for _ in range(3):
            cache.index(release_of(unsigned, server.url), INDEX)
        assert [path for path in server.requested if "Packages" in path] == [f"/dists/sid/{INDEX}.xz"]
        unsigned.publish(TEXT + paragraph("more"))
        cache.index(release_of(unsigned, server.url), INDEX)
        assert len([path for path in server.requested if "Packages" in path]) == 2


def test_a_truncated_index_is_refused_and_the_old_data_stays(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish(TEXT)
    old_release = release_of(unsigned)
    old = cache.index(old_release, INDEX)
    unsigned.publish(TEXT * 50)
    file = unsigned.directory / f"{INDEX}.xz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SizeMismatch):
        cache.index(release_of(unsigned), INDEX)
    assert list(cache.directory.iterdir()) == [old]
    assert cache.index(old_release, INDEX).read_text() == TEXT


@pytest.mark.parametrize(
    ("content", "error"),
    [(lambda good: good + b"x", SizeMismatch), (lambda good: bytes(len(good)), HashMismatch)],
)
def test_other_data_than_the_release_vouches_for_is_refused(
    unsigned: HandmadeArchive, cache: IndexCache, content: object, error: type[ArchiveError]
) -> None:
    unsigned.publish(TEXT)
    file = unsigned.directory / f"{INDEX}.xz"
    assert callable(content)
    file.write_bytes(content(file.read_bytes()))
    with pytest.raises(error) as caught:
        cache.index(release_of(unsigned), INDEX)
    assert caught.value.hint
    assert list(cache.directory.iterdir()) == []


def test_what_unpacks_to_something_else_is_refused(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish(TEXT)
    release = release_of(unsigned)
    for listed, error in (
        (ListedFile(len(TEXT), digest(b"other")), HashMismatch),
        (ListedFile(len(TEXT) - 1, digest(b"other")), SizeMismatch),
        (ListedFile(len(TEXT) + 1, digest(b"other")), SizeMismatch),
    ):
        with pytest.raises(error):
            cache.index(replace(release, files={**release.files, INDEX: listed}), INDEX)
    assert list(cache.directory.iterdir()) == []


def test_a_bomb_is_not_unpacked_beyond_what_the_release_says(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish(bytes(50 * 1024 * 1024))
    release = release_of(unsigned)
    files = {**release.files, INDEX: ListedFile(1000, digest(b""))}
    with pytest.raises(SizeMismatch):
        cache.index(replace(release, files=files), INDEX)


def test_a_listed_index_that_does_not_unpack_is_refused(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    for suffix in (".xz", ".gz", ".bz2"):
        unsigned.publish(TEXT, served=(suffix,))
        (unsigned.directory / f"{INDEX}{suffix}").write_bytes(b"nonsense")
        unsigned.write_release({f"{INDEX}{suffix}": b"nonsense"})
        with pytest.raises(ArchiveError):
            cache.index(release_of(unsigned), INDEX)
    assert list(cache.directory.iterdir()) == []


def test_an_area_or_architecture_that_the_release_does_not_list_is_missing(
    unsigned: HandmadeArchive, cache: IndexCache
) -> None:
    unsigned.publish(TEXT)
    with pytest.raises(MissingIndex) as caught:
        cache.index(release_of(unsigned), "contrib/binary-amd64/Packages")
    assert "area" in str(caught.value.hint)


def test_an_index_that_is_listed_and_not_there_is_not_found(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish(TEXT, served=())
    with pytest.raises(NotFound):
        cache.index(release_of(unsigned), INDEX)


def test_an_index_listed_only_in_compressed_form_is_cached_as_well(
    unsigned: HandmadeArchive, cache: IndexCache
) -> None:
    unsigned.publish(TEXT)
    release = release_of(unsigned)
    only = replace(release, files={f"{INDEX}.xz": release.files[f"{INDEX}.xz"]})
    assert cache.index(only, INDEX).read_text() == TEXT
    (unsigned.directory / f"{INDEX}.xz").unlink()
    assert cache.index(only, INDEX).read_text() == TEXT


def test_an_empty_index_need_not_be_there(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish("", served=())
    assert cache.index(release_of(unsigned), INDEX).read_bytes() == b""


def test_a_damaged_file_of_the_cache_is_fetched_anew(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish(TEXT)
    file = cache.index(release_of(unsigned), INDEX)
    file.write_text(TEXT[:-5])
    assert cache.index(release_of(unsigned), INDEX).read_text() == TEXT


def test_what_is_unused_for_days_goes_and_what_is_used_stays(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    unsigned.publish(TEXT)
    used = cache.index(release_of(unsigned), INDEX)
    unused = cache.directory / "Packages-0"
    for file in (used, unused, cache.directory / ".new-left-by-a-killed-process"):
        file.touch()
        os.utime(file, (0, 0))
    cache.index(release_of(unsigned), INDEX)
    unsigned.publish(TEXT * 2)
    cache.index(release_of(unsigned), INDEX)
    assert used.exists()
    assert len(list(cache.directory.iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_the_farms_trouble(unsigned: HandmadeArchive, tmp_path: Path) -> None:
    unsigned.publish(TEXT)
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError) as caught:
        IndexCache(tmp_path / "file" / "cache").index(release_of(unsigned), INDEX)
    assert caught.value.hint


def test_several_at_once_all_get_the_whole_index(unsigned: HandmadeArchive, cache: IndexCache) -> None:
    text = "".join(paragraph(f"package{number}") for number in range(2000))
    unsigned.publish(text)
    release = release_of(unsigned)
    together = threading.Barrier(8)

    def work(_: int) -> str:
        together.wait()
        return cache.index(release, INDEX).read_text()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {text}
    assert len(list(cache.directory.iterdir())) == 1
