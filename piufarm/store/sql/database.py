"""What the topic modules need of a database: two kinds of transaction, and a cursor with named parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

Row = tuple[Any, ...]
Parameters = Mapping[str, object]


class Cursor(Protocol):
    """Runs statements inside a transaction; parameters are written `:name`, and a colon stands for nothing else.

    A statement has to mean the same in SQLite 3.40 and in PostgreSQL 15, but for the rows that a SELECT locks.
    """

    def locking(self, clause: str) -> str:
        """`clause`, such as `FOR UPDATE`; empty where a writer excludes all others anyway."""
        ...

    def lock(self, name: str, *, shared: bool = False) -> None:
        """Wait for whoever has this lock, and keep it until the transaction ends; nothing where a writer is alone.

        Any number may have it `shared` while nobody else has it.
        """
        ...

    def among(self, names: Sequence[str]) -> tuple[str, Parameters]:
        """What follows a column that is to hold one of these package names, and its parameters."""
        ...

    def also(self, statement: str, parameters: Parameters = ..., /) -> None:
        """Run a statement whose result nobody looks at; it may go to the database together with the next one."""
        ...

    @property
    def rowcount(self) -> int: ...
    def execute(self, statement: str, parameters: Parameters = ..., /) -> Self: ...
    def executemany(self, statement: str, parameters: Iterable[Parameters], /) -> Self:
        """Run a statement for each; what it finds, and `rowcount`, are not known afterwards."""
        ...

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Insert many rows by the fastest way that the database has."""
        ...

    def batches(self, query: str, size: int, parameters: Parameters = ..., /) -> Iterator[list[Row]]:
        """The rows of a query, so many at a time; other statements may be run between them.

        A server works no faster at them than its client does, which may be one that stands back.
        """
        ...

    def freeze(self, tables: Sequence[str]) -> None:
        """Let nobody else write to these tables until the transaction has ended."""
        ...

    def version(self) -> int:
        """The number that the store carries, see piufarm.store.sql.versions."""
        ...

    def set_version(self, version: int) -> None:
        """Let the store carry another number once the transaction has ended well."""
        ...

    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A database; every error that it raises is a StoreError."""

    def read(self) -> AbstractContextManager[Cursor]:
        """A transaction that sees one moment of the database and blocks nobody."""
        ...

    def glance(self) -> AbstractContextManager[Cursor]:
        """For a single statement that reads: no more than one way to the database and back."""
        ...

    def write(self, *, durable: bool = True) -> AbstractContextManager[Cursor]:
        """A transaction; durable when the block has ended well, else undone.

        What can be worked out again need not be `durable` at once: it is so with the next transaction that is, and
        until then only a failure of power undoes it, together with all that came after it.

        Other writers may be at work at the same time, where the database lets them: whoever decides by what he reads
        locks it first, in the order that `rows` tells.
        """
        ...

    def sync(self) -> None:
        """Make durable what was written before."""
        ...

    def stream(self, query: str, parameters: Parameters) -> Iterator[Row]:
        """The rows of one moment, fetched as they are asked for."""
        ...

    def settle(self, *tables: str) -> None:
        """Many rows of these tables are new: take a look at them before anybody asks for them."""
        ...

    def count_on(self, *tables: str) -> None:
        """Rows of these tables have brought their numbers with them: let new ones get higher numbers.

        Nobody else may be writing to them.
        """
        ...

    def close(self) -> None: ...
    def release(self) -> None:
        """See Store.release."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[bool]:
        """See Store.exclusive."""
        ...

    def is_held(self, name: str) -> bool:
        """See Store.is_held."""
        ...
