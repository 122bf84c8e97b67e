"""A cursor with our named parameters on one of psycopg2."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, Final, Self

from piufarm.store.sql.database import Parameters, Row

_PARAMETER: Final = re.compile(r":([a-z_]\w*)")
_SPECIAL: Final = re.compile(r"[\\\t\n\r]")
_NONE: Final[Parameters] = {}
_ESCAPES: Final = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}


@cache
def translated(statement: str) -> str:
    """A statement with its parameters as psycopg2 writes them."""
    return _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))


class PostgresqlCursor:
    """See piufarm.store.sql.database.Cursor."""

    def __init__(self, cursor: Any) -> None:
        """`cursor` belongs to psycopg2 and is inside a transaction."""
        self._cursor = cursor

    def locking(self, clause: str) -> str:
        """See Cursor.locking."""
        return clause

    @property
    def rowcount(self) -> int:
        """How many rows the last statement has found or changed."""
        return int(self._cursor.rowcount)

    def execute(self, statement: str, parameters: Parameters = _NONE, /) -> Self:
        """See Cursor.execute."""
        self._cursor.execute(translated(statement), parameters)
        return self

    def executemany(self, statement: str, parameters: Iterable[Parameters], /) -> Self:
        """See Cursor.executemany; all go to the server in one message."""
        text = translated(statement)
        joined = b";".join(self._cursor.mogrify(text, row) for row in parameters)
        if joined:
            self._cursor.execute(joined)
        return self

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """See Cursor.load."""
        self._cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", _CopyText(rows))

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
