"""The write-ahead log of a database file: when what it holds is moved into the file itself, and by whom.

SQLite's own way is to do that within the commit that fills the log, while all other writers wait for their turns. Here
it is done after the turn, beside the next writers; only where these leave no gap does one of them wait for it.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

_LIMIT_BYTES: Final = 4 * 1024 * 1024  # from here on it is moved; the log is cut back to this when it begins anew
_HARD_LIMIT_BYTES: Final = 32 * 1024 * 1024  # from here on writers wait until it is moved


class WriteAheadLog:
    """The log as one connection sees it."""

    def __init__(self, connection: sqlite3.Connection, database: Path) -> None:
        """Take over from SQLite what it does about the log of this connection."""
        self._connection = connection
        self._path = database.with_name(f"{database.name}-wal")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {_LIMIT_BYTES}")

    def is_full(self) -> bool:
        """Whether it has to be moved before anybody writes again."""
        return self._size() > _HARD_LIMIT_BYTES

    def is_long(self) -> bool:
        """Whether it ought to be moved."""
        return self._size() > _LIMIT_BYTES

    def move(self) -> None:
        """Move it as far as nobody reads it, unless another process is at it. Whatever fails is tried again later."""
        with suppress(sqlite3.Error):  # all is safe in the log
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0
