"""What was published, from which inputs: plain JSON beside the pages, so that deleting the tree forgets both.

A crash between a page and its ledger cannot make an old page pass for a new one: an entry holds the file's time and
size besides the digest of its inputs, and counts only while the file still has them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.files import atomic_write
from piufarm.report.paths import SitePath

LEDGER_NAME: Final = ".piufarm-pages.json"
_FORMAT: Final = 1


class Entry(NamedTuple):
    """A published file: the digest of its inputs, and its time and size when it was written."""

    digest: str
    mtime_ns: int
    size: int

    @classmethod
    def of(cls, digest: str, status: os.stat_result) -> Entry:
        return cls(digest, status.st_mtime_ns, status.st_size)


class Ledger:
    """The entries of one folder of the site, loaded from its ledger file; unreadable content counts as none."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LEDGER_NAME
        self._entries = _load(self._path)

    def __iter__(self) -> Iterator[SitePath]:
        return iter(tuple(self._entries))

    def is_current(self, path: SitePath, digest: str, status: os.stat_result) -> bool:
        """Whether the file with this `status` was made from inputs with this `digest`."""
        return self._entries.get(path) == Entry.of(digest, status)

    def record(self, path: SitePath, digest: str, status: os.stat_result) -> None:
        self._entries[path] = Entry.of(digest, status)

    def forget(self, path: SitePath) -> None:
        self._entries.pop(path, None)

    def save(self) -> None:
        """Write the ledger; does nothing if its folder never came to be."""
        if self._path.parent.is_dir():
            atomic_write(self._path, json.dumps({"format": _FORMAT, "pages": self._entries}))


def _load(path: Path) -> dict[SitePath, Entry]:
    try:
        data = json.loads(path.read_bytes())
        if data["format"] != _FORMAT:
            return {}
        return {SitePath(name): _entry(*entry) for name, entry in data["pages"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}  # every page is made again: slow once, never wrong


def _entry(digest: str, mtime_ns: int, size: int) -> Entry:
    if not (isinstance(digest, str) and isinstance(mtime_ns, int) and isinstance(size, int)):
        raise TypeError("not a digest, time and size")
    return Entry(digest, mtime_ns, size)
