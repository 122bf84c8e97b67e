"""The write-ahead log of a database file: when what it holds is moved into the file itself, and by whom.

SQLite's own way is to do that within the commit that fills the log, while all other writers wait for their turns. Here
it is done after the turn, beside the next writers; only where these leave no gap does one of them wait for it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from piufarm.store.errors import StoreError

_LIMIT_BYTES: Final = 4 * 1024 * 1024  # from here on it is moved; the log is cut back to this when it begins anew
_HARD_LIMIT_BYTES: Final = 32 * 1024 * 1024  # from here on writers wait until it is moved
# It stays long while somebody reads, however often it is moved.
_PAUSE_SECONDS: Final = 0.25
_HARD_PAUSE_SECONDS: Final = 2.0


class WriteAheadLog:
    """The log as one connection sees it."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        """Take over from SQLite what it does about the log of this connection."""
        self._connection = connection
        self._database = database
        self._descriptor: int | None = None
        self._path = database.with_name(f"{database.name}-wal")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {_LIMIT_BYTES}")

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

    def is_full(self) -> bool:
        """Whether it has to be moved before anybody writes again."""
        return self._size() > _HARD_LIMIT_BYTES and not self._was_moved_within(_HARD_PAUSE_SECONDS)

    def is_long(self) -> bool:
        """Whether it ought to be moved."""
        return self._size() > _LIMIT_BYTES and not self._was_moved_within(_PAUSE_SECONDS)

    def _was_moved_within(self, seconds: float) -> bool:
        """Whether any process has just done so: only that writes to the database file itself."""
        try:
            return abs(time.time() - self._database.stat().st_mtime) < seconds
        except OSError:
            return False

    def move(self) -> None:
        """Move it as far as nobody reads it, unless another process is at it. Whatever fails is tried again later."""
        with suppress(sqlite3.Error):  # all is safe in the log
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0
