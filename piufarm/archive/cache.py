"""The disk cache of verified indexes: named by content, written atomically, shared by concurrent processes."""

from __future__ import annotations

from pathlib import Path

from piufarm.archive.fetch import Fetcher
from piufarm.archive.release import Release


class IndexCache:
    """Uncompressed, verified indexes below `directory` (made if missing); unused ones go after a few days."""

    def __init__(self, directory: Path, fetcher: Fetcher = Fetcher()) -> None:
        self.directory = directory
        self.fetcher = fetcher

    def index(self, release: Release, name: str) -> Path:
        """The file of an index such as `main/binary-amd64/Packages`, fetched only if its content is not cached.

        Raises MissingIndex, FetchError, SizeMismatch, HashMismatch; the cache then is as it was.
        """
        raise NotImplementedError(release, name)
