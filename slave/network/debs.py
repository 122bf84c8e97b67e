"""The cache of .debs that all tests of a host share.

    by-sha256/ab/abcd….deb    fetched for a known sum, which was checked
    by-url/ab/abcd…_NAME.deb  fetched for a chroot through the proxy; apt checks it
Files appear by rename, complete; a file of one kind may be a hard link to one of the other.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote

from piufarm.errors import FarmError
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.upstream import ask

_CHUNK: Final = 1 << 18
_NAME_MAX: Final = 150


@dataclass(frozen=True)
class Deb:
    """A .deb that a test is going to need."""

    uri: str
    size: int
    sha256: str | None = None


class DebCache:
    """Finding and keeping .debs. Every method is safe against other processes doing the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_for_url(self, url: str) -> Path:
        """Where the .deb of this URL is or would be."""
        key = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        name = "".join(character for character in unquote(url).rpartition("/")[2] if character.isprintable())
        return self._folder / "by-url" / key[:2] / f"{key}_{name[-_NAME_MAX:]}"

    def path_for_sum(self, sha256: str) -> Path:
        """Where the .deb with this sum is or would be."""
        return self._folder / "by-sha256" / sha256[:2] / f"{sha256}.deb"

    @contextmanager
    def writer(self, path: Path) -> Iterator[BinaryIO]:
        """A file that appears at `path` when the block ends well and not at all otherwise. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w+b") as stream:
                os.fchmod(descriptor, 0o644)
                yield stream
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def find(self, deb: Deb) -> Path | None:
        """The cached file of this size and, if it is known, sum."""
        if deb.sha256 is None:
            return _of_size(self.path_for_url(deb.uri), deb.size)
        checked = _of_size(self.path_for_sum(deb.sha256), deb.size)
        if checked is not None:
            return checked
        unchecked = _of_size(self.path_for_url(deb.uri), deb.size)
        if unchecked is None or _sha256(unchecked) != deb.sha256:
            return None
        return _link(unchecked, self.path_for_sum(deb.sha256))

    def keep(self, deb: Deb, proxy: str | None) -> Path:
        """Fetch this .deb. Raises FarmError if it cannot be had, or is not what it should be; OSError."""
        target = self.path_for_sum(deb.sha256) if deb.sha256 else self.path_for_url(deb.uri)
        with ask(deb.uri, proxy=proxy) as answer:
            if answer.status != 200:
                raise FarmError(f"cannot fetch {deb.uri}: {answer.status} {answer.reason}", hint="is the mirror whole?")
            with self.writer(target) as stream:
                known = hashlib.sha256()
                size = 0
                while chunk := answer.read(_CHUNK):
                    size += len(chunk)
                    known.update(chunk)
                    if size > deb.size:
                        break
                    stream.write(chunk)
                if size != deb.size or deb.sha256 not in (None, known.hexdigest()):
                    raise FarmError(f"{deb.uri} is not what the archive's index says", hint="does the mirror lag?")
        if deb.sha256:
            _link(target, self.path_for_url(deb.uri))
        return target


def fetch_debs(access: NetworkAccess, debs: Sequence[Deb], *, parallel: int = 6) -> list[Path]:
    """The cached files of these .debs, fetching what is missing; in the order asked for.

    Raises FarmError if one cannot be had or its size or SHA-256 differs.
    """
    cache = DebCache(access.deb_cache)

    def have(deb: Deb) -> Path:
        try:
            return cache.find(deb) or cache.keep(deb, access.upstream_proxy)
        except OSError as error:
            raise FarmError(f"cannot keep {deb.uri}: {error}", hint=f"look at {access.deb_cache}") from error

    with ThreadPoolExecutor(max_workers=parallel) as pool:
        return list(pool.map(have, debs))


def _of_size(path: Path, size: int) -> Path | None:
    try:
        if path.stat().st_size != size:
            return None
        os.utime(path)  # what is used is not old
    except OSError:
        return None
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _link(source: Path, target: Path) -> Path:
    """Make `target` the same file in one step: others may be using the one that is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".new-{secrets.token_hex(8)}")
    temporary.hardlink_to(source)
    temporary.replace(target)
    temporary.unlink(missing_ok=True)  # rename leaves it if both were the same file already
    return target
