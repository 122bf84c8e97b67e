"""The two kinds of transaction on a connection that is there only while it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import psycopg2

from piufarm.faults import fault_point
from piufarm.store.errors import StoreMissing
from piufarm.store.lock_names import lock_number
from piufarm.store.postgresql.connection import connect
from piufarm.store.postgresql.creation import create_tables, find_version
from piufarm.store.postgresql.cursor import WRITING, PostgresqlCursor, translated
from piufarm.store.postgresql.errors import store_error
from piufarm.store.sql.database import Parameters, Row
from piufarm.store.sql.versions import check_version
from piufarm.store_url import without_password

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_WRITE_DURABLE_LATER: Final = f"{_WRITE};SET LOCAL synchronous_commit = off"
_STREAM_ROWS: Final = 2000  # fetched at a time
_HELD: Final = """
SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = :high AND objid = :low
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class PostgresqlDatabase:
    """See piufarm.store.sql.database.Database."""

    def __init__(self, url: str, *, create: bool, any_version: bool = False) -> None:
        """Connect and see whether the tables are there; they are made if missing and `create`.

        Raises StoreError, unless `any_version` also for their version.
        """
        self._url = url
        self._place = without_password(url)
        self._connection: Any = None
        with self._translated():
            with closing(self._connected().cursor()) as cursor:
                version = find_version(cursor)
            if version is None:
                if not create:
                    raise StoreMissing(f"no store at {self._place}", hint="`piufarm master refresh` makes it")
                with self._transaction(_WRITE) as ours:
                    version = create_tables(ours)
        if not any_version:
            check_version(version, self._place)

    def close(self) -> None:
        """Give the connection up."""
        self.release()

    def release(self) -> None:
        """See Store.release: another process may have the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def read(self) -> Iterator[PostgresqlCursor]:
        """See Database.read."""
        with self._translated(), self._transaction(_READ) as cursor:
            yield cursor

    @contextmanager
    def glance(self) -> Iterator[PostgresqlCursor]:
        """See Database.glance: a statement outside a transaction is one of its own."""
        with self._translated(), closing(PostgresqlCursor(None, self._connected)) as cursor:
            yield cursor

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[PostgresqlCursor]:
        """See Database.write."""
        how = _WRITE if durable else _WRITE_DURABLE_LATER
        begin = f"{how};SELECT pg_advisory_xact_lock_shared({lock_number(WRITING)})"
        with self._translated(), self._transaction(begin) as cursor:
            fault_point("store.postgresql-begun")
            yield cursor
            fault_point("store.postgresql-commit-due")
        fault_point("store.postgresql-committed")

    def sync(self) -> None:
        """See Database.sync: a commit is durable together with all that were before it, also with those of others."""
        with self.write() as cursor:
            cursor.also("SELECT pg_logical_emit_message(true, 'piufarm', '')")  # the smallest thing to be committed

    def settle(self, *tables: str) -> None:
        """See Database.settle: which index serves a query is decided by statistics."""
        with self.write() as cursor:
            cursor.also(f"ANALYZE {', '.join(tables)}")

    def count_on(self, *tables: str) -> None:
        """See Database.count_on."""
        with self.write() as cursor:
            for table in tables:
                sequence = f"pg_get_serial_sequence('{table}', 'id')"
                cursor.also(f"SELECT setval({sequence}, max(id)) FROM {table} HAVING max(id) > 0")

    def stream(self, query: str, parameters: Parameters) -> Iterator[Row]:
        """See Database.stream; on a connection of its own."""
        with self._translated(), closing(connect(self._url, may_idle=True)) as connection:
            connection.autocommit = False
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with closing(connection.cursor("rows")) as cursor:
                cursor.itersize = _STREAM_ROWS
                cursor.execute(translated(query), parameters)
                yield from cursor

    @contextmanager
    def exclusive(self, name: str) -> Iterator[bool]:
        """See Store.exclusive; the lock belongs to a connection of its own."""
        with self._translated():
            connection = connect(self._url)
            try:
                with closing(connection.cursor()) as cursor:
                    cursor.execute("SELECT pg_try_advisory_lock(%s)", (lock_number(name),))
                    (free,) = cursor.fetchone()
            except BaseException:
                connection.close()
                raise
        with closing(connection):
            try:
                yield bool(free)
            finally:
                # the server takes a moment to notice the end of a connection, and the lock has to be free by now
                with suppress(psycopg2.Error), closing(connection.cursor()) as cursor:
                    cursor.execute("SELECT pg_advisory_unlock_all()")

    def is_held(self, name: str) -> bool:
        """See Store.is_held."""
        number = lock_number(name)
        with self.glance() as cursor:
            cursor.execute(_HELD, {"high": number >> 32, "low": number & 0xFFFFFFFF})
            return cursor.fetchone() is not None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[PostgresqlCursor]:
        with closing(PostgresqlCursor(begin, self._connected)) as cursor:
            try:
                yield cursor
                cursor.commit()
            except BaseException:
                try:
                    cursor.roll_back()
                except psycopg2.Error:
                    self.release()  # the server undoes what it was told on a connection that ends
                raise

    def _connected(self) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url)
        return self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg2.Error as error:
            raise store_error(self._place, error) from error
