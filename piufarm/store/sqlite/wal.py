"""The write-ahead log of a database file: when what it holds is moved into the file itself, and by whom.

SQLite's own way is to do that within the commit that fills the log, while all other writers wait for their turns. Here
it is done after the turn, beside the next writers; only where these leave no gap do they wait for the last of it. The
log is not cut back when it begins anew, for that takes long with a large file, and would be done within a turn: whoever
closes the database last removes it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from piufarm.store.errors import StoreError

_LIMIT_BYTES: Final = 4 * 1024 * 1024  # a shorter one need not be moved
_PAUSE_SECONDS: Final = 0.25
_LONG_FRAMES: Final = 8192  # of a page each, 32 MiB in all: from here on it ought to begin anew


class WriteAheadLog:
    """The log as one connection sees it."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        """Take over from SQLite what it does about the log of this connection."""
        self._connection = connection
        self._database = database
        self._descriptor: int | None = None
        self._path = database.with_name(f"{database.name}-wal")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA journal_size_limit = -1")

    def sync(self) -> None:
        """Make durable what was committed before, by whichever process. Raises StoreError.

        What has been moved meanwhile is safe in the file: SQLite syncs both before it begins the log anew.
        """
        try:
            os.fdatasync(self._opened())
        except OSError as error:
            # Linux reports a failure once and takes the pages for written then: whoever sent the same again would be
            # told that all is well. Moved into the database file they are written, and synced, a second time.
            self.move()
            hint = "nothing of it was acknowledged; see the kernel's messages about the disk"
            raise StoreError(f"store {self._path}: {error.strerror}", hint=hint) from error

    def prepare(self) -> None:
        """Make sure that `sync` will find the log, before anything is committed. Raises StoreError."""
        try:
            self._opened()
        except OSError as error:
            hint = "see whether this process may have more open files"
            raise StoreError(f"store {self._path}: {error.strerror}", hint=hint) from error

    def close(self) -> None:
        """Give the log up, after the connection."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _opened(self) -> int:
        """The log itself: the same file as long as the connection is open, and SQLite has no locks on it to lose."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor

    def is_due(self) -> bool:
        """Whether it ought to be moved: no process has just done so, and only that writes to the database itself."""
        try:
            is_short = self._path.stat().st_size <= _LIMIT_BYTES
            return not is_short and abs(time.time() - self._database.stat().st_mtime) >= _PAUSE_SECONDS
        except OSError:
            return False

    def move(self) -> bool:
        """Move it as far as nobody reads it, unless another process is at it. Whatever fails is tried again later.

        True if it is long, and all of it was moved: if nobody adds to it, and nobody reads it, it begins anew.
        """
        try:
            _, frames, moved = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:  # all is safe in the log
            return False
        return bool(moved == frames >= _LONG_FRAMES)
