"""A cursor with our named parameters on one of psycopg2."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final, Self

import psycopg2

from piufarm.store.lock_names import lock_number
from piufarm.store.postgresql.creation import TABLE_OF_VERSION
from piufarm.store.sql.database import Parameters, Row

_PARAMETER: Final = re.compile(r":([a-z_]\w*)")
_SPECIAL: Final = re.compile(r"[\\\t\n\r]")
_NONE: Final[Parameters] = {}
WRITING: Final = "writing"  # a lock that every writer shares
_ESCAPES: Final = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


@cache
def translated(statement: str) -> str:
    """A statement with its parameters as psycopg2 writes them."""
    return _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))


class PostgresqlCursor:
    """See piufarm.store.sql.database.Cursor.

    What has no result waits here and goes to the server together with the next statement that has one: each way there
    and back costs more than most statements.
    """

    def __init__(self, begin: str | None, connect: Callable[[], Any]) -> None:
        """Begin a transaction by this statement. `connect` returns a connection, another one if that has broken."""
        self._connect = connect
        self._cursor = connect().cursor()
        self._waiting = [] if begin is None else [begin.encode()]
        self._has_begun = False

    def close(self) -> None:
        """Forget the results."""
        self._cursor.close()

    def locking(self, clause: str) -> str:
        """See Cursor.locking."""
        return clause

    def lock(self, name: str, *, shared: bool = False) -> None:
        """See Cursor.lock."""
        how = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        self._waiting.append(f"SELECT {how}({lock_number(name)})".encode())

    def among(self, names: Sequence[str]) -> tuple[str, Parameters]:
        """See Cursor.among; names hold no quotes, and one of them may be `null`."""
        quoted = ",".join(f'"{name}"' for name in names)
        return "= ANY (CAST(:names AS text[]))", {"names": f"{{{quoted}}}"}

    @property
    def rowcount(self) -> int:
        """How many rows the last statement has found or changed."""
        return int(self._cursor.rowcount)

    def execute(self, statement: str, parameters: Parameters = _NONE, /) -> Self:
        """See Cursor.execute."""
        self.also(statement, parameters)
        self._send()
        return self

    def also(self, statement: str, parameters: Parameters = _NONE, /) -> None:
        """See Cursor.also."""
        self._waiting.append(self._cursor.mogrify(translated(statement), parameters))

    def executemany(self, statement: str, parameters: Iterable[Parameters], /) -> Self:
        """See Cursor.executemany."""
        for row in parameters:
            self.also(statement, row)
        return self

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """See Cursor.load."""
        self._send()
        self._cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", _CopyText(rows))

    def batches(self, query: str, size: int, parameters: Parameters = _NONE, /) -> Iterator[list[Row]]:
        """See Cursor.batches."""
        self.also(f"DECLARE batches CURSOR FOR {query}", parameters)
        while batch := self.execute(f"FETCH {size} FROM batches").fetchall():
            yield batch
        self.also("CLOSE batches")

    def freeze(self, tables: Sequence[str]) -> None:
        """See Cursor.freeze."""
        self.lock(WRITING)  # others wait before they have looked at anything, so that a table can still be renamed
        self.also("SET LOCAL idle_in_transaction_session_timeout = 0")  # it idles while the other store is filled
        self.also(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")

    def version(self) -> int:
        """See Cursor.version."""
        (version,) = self.execute(f"SELECT version FROM {TABLE_OF_VERSION}").fetchone()
        return int(version)

    def set_version(self, version: int) -> None:
        """See Cursor.set_version."""
        self.also(f"UPDATE {TABLE_OF_VERSION} SET version = {version}")

    def commit(self) -> None:
        """Make durable what was done."""
        if self._has_begun or len(self._waiting) > 1:
            self._waiting.append(b"COMMIT")
            self._send()

    def roll_back(self) -> None:
        """Undo what was done."""
        if self._has_begun:
            self._waiting = [b"ROLLBACK"]
            self._send()

    def _send(self) -> None:
        message = b";".join(self._waiting)
        self._waiting.clear()
        try:
            self._cursor.execute(message)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if self._has_begun or not self._cursor.connection.closed:
                raise
            # broken while nothing was asked of it, such as by a restart of the server; nothing was done yet
            self._cursor = self._connect().cursor()
            self._cursor.execute(message)
        self._has_begun = True

    def fetchone(self) -> Any:
        """The next row, None if there is no more."""
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        found: list[Row] = self._cursor.fetchall()
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)


class _CopyText:
    """Rows as a file in the text format of COPY (PostgreSQL documentation, "COPY", File Formats)."""

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._lines = map(_copy_line, rows)

    def read(self, size: int) -> str:
        """The next lines; less or more than `size` characters, nothing at the end."""
        return next(self._lines, "")


def _copy_line(row: Sequence[object]) -> str:
    return "\t".join(map(_copy_field, row)) + "\n"


def _copy_field(value: object) -> str:
    if value is None:
        return r"\N"
    text = str(value)
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text) if _SPECIAL.search(text) else text
