"""Carrying a store from one database to another, as a whole or not at all.

While it goes on nobody writes to the old store, and the new one says that it is incomplete. In the end the old store
says that it has moved, for good, and only then the new one may be used: there is no moment in which results could go to
a store that nobody will look at again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from piufarm.faults import fault_point
from piufarm.store.errors import StoreError
from piufarm.store.sql.database import Cursor, Database, Row
from piufarm.store.sql.schema import SCHEMA_VERSION
from piufarm.store.sql.tables import Table, tables
from piufarm.store.sql.versions import INCOMPLETE, MOVED, check_version

_BATCH: Final = 2000  # rows
# without this table no process that has the old store open can do anything in it
_KEYSTONE: Final = "section"
_PUT_AWAY: Final = "section_before_it_moved"


class Contents(NamedTuple):
    """What a table holds: the number of its rows, and a digest of all of them in the order of the key."""

    rows: int
    digest: str


class Places(NamedTuple):
    """How to name the two stores to people."""

    source: str
    target: str


def move(
    source: Database, target: Database, places: Places, tell: Callable[[str, int], None]
) -> dict[str, Contents]:
    """Carry everything over; returns what was carried, by table. `tell` hears of each table and its rows so far.

    Both are open, whatever their version. A target that an interrupted move has left is emptied first. Raises
    StoreError if the target holds anything else, or if it does not hold the same in the end.
    """
    with source.write() as old:
        _prepare(old, target, places)
        old.freeze(list(tables()))
        _empty(target)
        carried = {name: _carry(old, target, table, tell) for name, table in tables().items()}
        target.count_on(*(name for name, table in tables().items() if table.numbered))
        target.settle(*tables())
        fault_point("move.carried")
        with target.read() as new:
            for name, table in tables().items():
                if _contents(new, table) != carried[name]:
                    raise StoreError(
                        f"{places.target} does not hold the same in {name} as {places.source}",
                        hint="run the move again; the old store is in use as before",
                    )
        old.execute(f"ALTER TABLE {_KEYSTONE} RENAME TO {_PUT_AWAY}")
        old.set_version(MOVED)
    fault_point("move.source-closed")
    with target.write() as new:
        new.set_version(SCHEMA_VERSION)
    return carried


def _prepare(old: Cursor, target: Database, places: Places) -> None:
    """See that the target is empty, or was left by an interrupted move; then an old store that was closed is opened."""
    with target.write() as new:
        version = new.version()
        if version != INCOMPLETE:
            check_version(old.version(), places.source)
        if version == MOVED:
            raise StoreError(f"{places.target} has moved to another store", hint="name one that does not exist yet")
        if version != INCOMPLETE:
            check_version(version, places.target)
            if any(new.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in tables()):
                raise StoreError(f"{places.target} is not empty", hint="name a store that does not exist yet")
        if old.version() == MOVED:
            old.execute(f"ALTER TABLE {_PUT_AWAY} RENAME TO {_KEYSTONE}")
            old.set_version(SCHEMA_VERSION)
        check_version(old.version(), places.source)
        new.set_version(INCOMPLETE)


def _empty(target: Database) -> None:
    with target.write() as new:
        for name in reversed(list(tables())):
            new.execute(f"DELETE FROM {name}")
    fault_point("move.target-emptied")


def _carry(old: Cursor, target: Database, table: Table, tell: Callable[[str, int], None]) -> Contents:
    digest = hashlib.sha256()
    number = 0
    for batch in _batches(old, table):
        with target.write() as new:
            new.load(table.name, table.columns, batch)
        number += len(batch)
        _add(digest.update, batch)
        tell(table.name, number)
        fault_point("move.batch-loaded")
    return Contents(number, digest.hexdigest())


def _contents(cursor: Cursor, table: Table) -> Contents:
    digest = hashlib.sha256()
    number = 0
    for batch in _batches(cursor, table):
        number += len(batch)
        _add(digest.update, batch)
    return Contents(number, digest.hexdigest())


def _batches(cursor: Cursor, table: Table) -> Iterator[list[Row]]:
    query = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {', '.join(table.key)}"
    return cursor.batches(query, _BATCH)


def _add(update: Callable[[bytes], object], rows: list[Row]) -> None:
    update("".join(f"{row!r}\n" for row in rows).encode())
