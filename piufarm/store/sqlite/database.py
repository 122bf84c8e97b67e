"""One connection to the database file, and the two kinds of transaction on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Final

from piufarm.faults import fault_point
from piufarm.store.errors import StoreError, StoreMissing
from piufarm.store.sql.database import Parameters, Row
from piufarm.store.sql.schema import SCHEMA_VERSION
from piufarm.store.sql.versions import check_version
from piufarm.store.sqlite.creation import create_database, find_version
from piufarm.store.sqlite.locks import LockFile
from piufarm.store.sqlite.migration import migrate
from piufarm.store.sqlite.wal import WriteAheadLog

_NONE: Final[Parameters] = {}
_BUSY_SECONDS: Final = 30.0  # how long to wait for writers that are not ours, such as a backup
_MAPPED_BYTES: Final = 256 * 1024 * 1024  # the memory is shared by all sessions


class SqliteCursor(sqlite3.Cursor):
    """See piufarm.store.sql.database.Cursor; here a writer excludes all others, so that no row needs a lock."""

    def locking(self, clause: str) -> str:
        """See Cursor.locking."""
        return ""

    def lock(self, name: str, *, shared: bool = False) -> None:
        """See Cursor.lock."""

    def among(self, names: Sequence[str]) -> tuple[str, Parameters]:
        """See Cursor.among; of few different lengths, so that few statements are prepared."""
        size = 1 << (len(names) - 1).bit_length()
        parameters = {f"name{number}": names[min(number, len(names) - 1)] for number in range(size)}
        return f"IN ({', '.join(f':{parameter}' for parameter in parameters)})", parameters

    def also(self, statement: str, parameters: Parameters = _NONE, /) -> None:
        """See Cursor.also."""
        self.execute(statement, parameters)

    def batches(self, query: str, size: int, parameters: Parameters = _NONE, /) -> Iterator[list[Row]]:
        """See Cursor.batches."""
        rows = self.connection.execute(query, parameters)
        while batch := rows.fetchmany(size):
            yield batch

    def freeze(self, tables: Sequence[str]) -> None:
        """See Cursor.freeze."""

    def version(self) -> int:
        """See Cursor.version."""
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    def set_version(self, version: int) -> None:
        """See Cursor.set_version."""
        self.execute(f"PRAGMA user_version = {version}")

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """See Cursor.load."""
        marks = ", ".join("?" * len(columns))
        self.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


class SqliteDatabase:
    """A connection; see piufarm.store.sql.database.Database."""

    def __init__(self, path: Path, *, create: bool, any_version: bool = False) -> None:
        """Open `path`, made if missing and `create`. Raises StoreError, unless `any_version` also for its version."""
        self._path = path
        self._locks = LockFile(path)
        with self._translated():
            if not self._exists():
                if not create:
                    raise StoreMissing(f"no store at {path}", hint="`piufarm master refresh` makes it")
                self._create()
            self._connection = self._connect()
            self._identity = _identity(path)
            try:
                version = find_version(self._connection, path)
                if not any_version:
                    check_version(version, str(path))
                if 0 < version < SCHEMA_VERSION:
                    with self._locks.turn():
                        migrate(self._connection)
                self._log = WriteAheadLog(self._connection, path)
            except BaseException:
                self._connection.close()
                raise

    def _exists(self) -> bool:
        try:
            return self._path.exists()
        except OSError as error:
            hint = "see whether this user may enter its folder"
            raise StoreError(f"store {self._path}: {error.strerror}", hint=hint) from error

    def _create(self) -> None:
        try:
            create_database(self._path)
        except OSError as error:
            hint = "see whether its folder can be written"
            raise StoreError(f"store {self._path}: {error.strerror}", hint=hint) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous = NORMAL")  # `write` syncs the log itself, after its turn
        # pages that others have changed are read anew all the time: so without copying them
        connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def close(self) -> None:
        """Give the connection up."""
        self._connection.close()
        self._log.close()
        self._locks.close()

    def release(self) -> None:
        """See Store.release: an open file is in nobody's way."""

    def exclusive(self, name: str) -> AbstractContextManager[bool]:
        """See Store.exclusive."""
        return self._locks.exclusive(name)

    def is_held(self, name: str) -> bool:
        """See Store.is_held."""
        return self._locks.is_held(name)

    @contextmanager
    def read(self) -> Iterator[SqliteCursor]:
        """See Database.read."""
        with self._transaction("BEGIN DEFERRED") as cursor:
            yield cursor

    @contextmanager
    def glance(self) -> Iterator[SqliteCursor]:
        """See Database.glance."""
        with self._translated():
            yield self._connection.cursor(SqliteCursor)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[SqliteCursor]:
        """See Database.write; here it excludes other writers, who have their turns in the order in which they come."""
        self._refuse_another_file()
        self._log.prepare()
        with self._locks.turn():
            with self._transaction("BEGIN IMMEDIATE") as cursor:
                fault_point("store.begun")
                yield cursor
                fault_point("store.commit-due")
            fault_point("store.committed")
        if durable:
            # beside the next writer; whatever it adds to the log comes after this, also when the power fails
            self._log.sync()
        if self._log.is_due() and self._log.move():
            self._log.move()  # what has come meanwhile, so that hardly anything is left for the next time
            with self._locks.turn():
                self._log.move()  # as nobody adds to it now, the next writer begins it anew

    def sync(self) -> None:
        """See Database.sync."""
        self._log.sync()

    def settle(self, *tables: str) -> None:
        """See Database.settle: nothing here depends on statistics."""

    def count_on(self, *tables: str) -> None:
        """See Database.count_on: a new row gets the number after the highest one."""

    def stream(self, query: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of one moment, fetched as they are asked for, on a connection of their own."""
        with self._translated(), closing(self._connect()) as connection:
            yield from connection.execute(query, parameters)

    def _refuse_another_file(self) -> None:
        """A file that was moved away or replaced goes on taking what is written, and nobody would ever read that."""
        if _identity(self._path) != self._identity:
            raise StoreError(
                f"store {self._path}: the file was moved away or replaced while it was in use",
                hint="end all programs of the master before you touch it; the slaves send again what was not taken in",
            )

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[SqliteCursor]:
        with self._translated():
            cursor = self._connection.cursor(SqliteCursor)
            cursor.execute(begin)
            try:
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"store {self._path}: {error}", hint=_next_step(error)) from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Tells a file from any other; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _next_step(error: sqlite3.Error) -> str | None:
    match getattr(error, "sqlite_errorname", "").split("_")[1:2]:
        case ["FULL"]:
            return "make room on its file system; what it held is intact"
        case ["BUSY"]:
            return "another process holds it for too long: see who has the file open"
        case ["CORRUPT"] | ["NOTADB"]:
            return "restore it from a backup; the logs below the section folders are intact"
        case ["CANTOPEN"] | ["READONLY"] | ["PERM"]:
            return "see whether this user may write the file and its folder"
        case _:
            return None
