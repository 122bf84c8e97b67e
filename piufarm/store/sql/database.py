"""What the topic modules need of a database: two kinds of transaction, and a cursor with named parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

Row = tuple[Any, ...]
Parameters = Mapping[str, object]


class Cursor(Protocol):
    """Runs statements inside a transaction; parameters are written `:name`, and a colon stands for nothing else.

    A statement has to mean the same in SQLite 3.40 and in PostgreSQL 15. What only one of them needs is held in the
    attributes, which are empty for the other.
    """

    for_update: str  # ends a SELECT: lock the rows that it finds (where a writer does not exclude all others anyway)
    skip_locked: str  # the same, and pass over those that somebody else has locked

    @property
    def rowcount(self) -> int: ...
    def execute(self, statement: str, parameters: Parameters = ..., /) -> Self: ...
    def executemany(self, statement: str, parameters: Iterable[Parameters], /) -> Self: ...
    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Insert many rows by the fastest way that the database has."""
        ...

    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A database; every error that it raises is a StoreError."""

    def read(self) -> AbstractContextManager[Cursor]:
        """A transaction that sees one moment of the database and blocks nobody."""
        ...

    def write(self) -> AbstractContextManager[Cursor]:
        """A transaction; durable when the block has ended well, else undone.

        Other writers may be at work at the same time, where the database lets them: whoever decides by what he reads
        locks it first (`rows.lock_section`, `Cursor.for_update`).
        """
        ...

    def stream(self, query: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of one moment, fetched as they are asked for."""
        ...

    def close(self) -> None: ...
