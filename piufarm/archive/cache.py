"""The disk cache of verified indexes: named by content, written atomically, shared by concurrent processes."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Protocol, cast

from piufarm.archive.errors import (
    ArchiveError,
    HashMismatch,
    MalformedFile,
    MissingIndex,
    NotFound,
    SizeMismatch,
    TooLarge,
)
from piufarm.archive.fetch import Fetcher
from piufarm.archive.release import ListedFile, Release
from piufarm.files import atomic_writer

_CHUNK_BYTES: Final = 1024 * 1024
_UNLISTED_BYTES_MAX: Final = 4 * 1024**3  # for an index whose uncompressed size the Release file does not tell
_UNUSED_SECONDS: Final = 4 * 86400.0
_HINT: Final = "the mirror is just being updated, or it or a proxy is broken; try again, then choose another `mirror`"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


_OPENERS: Final[dict[str, Callable[[BinaryIO], _Readable]]] = {
    ".xz": lzma.LZMAFile,
    ".gz": lambda stream: gzip.GzipFile(fileobj=stream),
    ".bz2": bz2.BZ2File,
    "": lambda stream: stream,
}


class IndexCache:
    """Uncompressed, verified indexes below `directory` (made if missing); unused ones go after a few days."""

    def __init__(self, directory: Path, fetcher: Fetcher | None = None) -> None:
        self.directory = directory
        self.fetcher = fetcher or Fetcher()

    def index(self, release: Release, name: str) -> Path:
        """The file of an index such as `main/binary-amd64/Packages`, fetched only if its content is not cached.

        Raises MissingIndex, FetchError, SizeMismatch, HashMismatch, MalformedFile; the cache then is as it was.
        """
        target = self.directory / _cached_name(release, name)
        try:
            if self._is_intact(target, release.files.get(name)):
                os.utime(target)  # in use: the sweep below spares it
                return target
            self.directory.mkdir(parents=True, exist_ok=True)
            self._fetch(release, name, target)
            self._sweep()
        except OSError as error:
            raise ArchiveError(
                f"cannot keep {release.url(name)} in {self.directory}: {error}", hint="check disk space and permissions"
            ) from error
        return target

    def _is_intact(self, target: Path, listed: ListedFile | None) -> bool:
        try:
            size = target.stat().st_size
        except FileNotFoundError:
            return False
        return listed is None or size == listed.size

    def _fetch(self, release: Release, name: str, target: Path) -> None:
        plain = release.files.get(name)
        if plain is not None and plain.size == 0:  # empty indexes are often listed and not there
            with atomic_writer(target):
                return
        missing: NotFound | None = None
        for suffix in _OPENERS:
            listed = release.files.get(name + suffix)
            if listed is None:
                continue
            try:
                with tempfile.TemporaryFile(dir=self.directory) as file:
                    compressed = cast(BinaryIO, file)
                    self._download(release, name + suffix, listed, compressed)
                    _unpack(compressed, suffix, plain, target, what=release.url(name + suffix))
                return
            except NotFound as error:
                missing = error
        assert missing is not None  # _cached_name has refused what is not listed at all
        raise missing

    def _download(self, release: Release, name: str, listed: ListedFile, stream: BinaryIO) -> None:
        directory = name.rpartition("/")[0]
        by_hash = release.url(f"{directory}/by-hash/SHA256/{listed.sha256}".lstrip("/"))
        urls = [by_hash, release.url(name)] if release.by_hash else [release.url(name)]
        for url in urls:
            try:
                size = self._download_once(url, listed, stream)
                break
            except NotFound:
                if url == urls[-1]:
                    raise
        if size != listed.size:
            raise SizeMismatch(f"{url} has {size} bytes, the Release file says {listed.size}", hint=_HINT)
        stream.seek(0)
        if _sha256(stream) != listed.sha256:
            raise HashMismatch(f"{url} is not what the Release file vouches for", hint=_HINT)
        stream.seek(0)

    def _download_once(self, url: str, listed: ListedFile, stream: BinaryIO) -> int:
        try:
            return self.fetcher.download(url, stream, max_bytes=listed.size)
        except TooLarge as error:
            raise SizeMismatch(
                f"{url} is larger than the {listed.size} bytes that the Release file says", hint=error.hint
            ) from error

    def _sweep(self) -> None:
        """Remove what nobody has used for days, leftovers of killed processes among it."""
        limit = time.time() - _UNUSED_SECONDS
        for file in self.directory.iterdir():
            try:
                if file.stat().st_mtime < limit:
                    file.unlink()
            except FileNotFoundError:  # another process sweeps, too
                continue


def _cached_name(release: Release, name: str) -> str:
    """A name that stands for the content: the uncompressed file's hash, else that of the compressed one."""
    for suffix in sorted(_OPENERS):
        listed = release.files.get(name + suffix)
        if listed is not None:
            return f"{name.rpartition('/')[2]}-{listed.sha256}{suffix}"
    raise MissingIndex(
        f"{release.uri} has no {name} in {release.distribution}", hint="check `area` and `arch` of the section"
    )


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _unpack(compressed: BinaryIO, suffix: str, plain: ListedFile | None, target: Path, *, what: str) -> None:
    limit = plain.size if plain is not None else _UNLISTED_BYTES_MAX
    digest = hashlib.sha256()
    with atomic_writer(target) as stream:
        try:
            size = _copy(_OPENERS[suffix](compressed), stream, limit, digest.update)
        except (lzma.LZMAError, zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise MalformedFile(f"{what} cannot be unpacked: {error}", hint=_HINT) from error
        if plain is not None and size != plain.size:
            raise SizeMismatch(f"{what} does not unpack to {plain.size} bytes as the Release file says", hint=_HINT)
        if plain is not None and digest.hexdigest() != plain.sha256:
            raise HashMismatch(f"{what} does not unpack to what the Release file vouches for", hint=_HINT)


def _copy(source: _Readable, target: BinaryIO, limit: int, update: Callable[[bytes], None]) -> int:
    """Copy at most a chunk more than `limit` bytes; returns how many."""
    size = 0
    while size <= limit and (chunk := source.read(_CHUNK_BYTES)):
        size += len(chunk)
        update(chunk)
        target.write(chunk)
    return size
