"""Fetches the .debs of the next packages into the shared cache while the present one is tested."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from piufarm.errors import FarmError
from piufarm.slave.network.debs import DebCache
from piufarm.slave.network.upstream import ask

AHEAD: Final = 4  # packages: what is fetched much too early is only in the way
_PIECE: Final = 1 << 17


class Wanted(Protocol):
    """A .deb as the archive's verified index describes it."""

    @property
    def url(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...


@dataclass
class Prefetch:
    """Fetches what a row of packages needs, in a thread; what it cannot fetch is left to apt."""

    folder: Path  # of the cache
    proxy: str | None
    _packages: Sequence[Sequence[Wanted]] = ()
    _reached: int = 0
    _ended: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def start(self, packages: Sequence[Sequence[Wanted]]) -> None:
        """Begin with the first of these packages."""
        self._packages = packages
        threading.Thread(target=self._run, name="prefetch", daemon=True).start()

    def reached(self, number: int) -> None:
        """The package of this number is being tested."""
        with self._news:
            self._reached = number
            self._news.notify()

    def end(self) -> None:
        """Fetch no more; what is just being fetched is thrown away at the end of the program at the latest."""
        with self._news:
            self._ended = True
            self._news.notify()

    def _run(self) -> None:
        cache = DebCache(self.folder)
        for number, debs in enumerate(self._packages):
            for deb in debs:
                with self._news:
                    self._news.wait_for(lambda: self._ended or number <= self._reached + AHEAD)  # noqa: B023 (used here)
                    if self._ended:
                        return
                _fetch(cache, deb, self.proxy)


def _fetch(cache: DebCache, deb: Wanted, proxy: str | None) -> None:
    """Into the cache, if it is what the index says."""
    kept = cache.find(deb.url)
    if kept is not None:
        kept.close()
        return
    try:
        with ask(deb.url, proxy=proxy) as answer, cache.writer(deb.url) as copy:
            known, size = hashlib.sha256(), 0
            while piece := answer.read(_PIECE):
                copy.write(piece)
                known.update(piece)
                size += len(piece)
            if answer.status != 200 or size != deb.size_bytes or deb.sha256 not in ("", known.hexdigest()):
                raise _NotAsPromised
    except (_NotAsPromised, FarmError, OSError):
        return


class _NotAsPromised(Exception):
    """The mirror has sent something else."""
