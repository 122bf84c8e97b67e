"""How a new database file comes into being, and whether one is ours."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from piufarm.faults import fault_point
from piufarm.files import fsync_directory, fsync_file, make_directory
from piufarm.store.errors import StoreError
from piufarm.store.sql.schema import SCHEMA_VERSION, TABLES

APPLICATION_ID: Final = 0x70697566  # "piuf": marks the file as ours


def create_database(path: Path) -> None:
    """Make an empty store at `path`; if another process is faster, its file stays.

    The file is complete before it gets its name, so that nobody ever opens half a schema.
    """
    make_directory(path.parent)
    temporary = path.parent / f".new-{os.urandom(8).hex()}"
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o660))
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
            )
        finally:
            connection.close()
        fault_point("create.filled")
        fsync_file(temporary)
        fault_point("create.synced")
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return
        fault_point("create.named")
        fsync_directory(path.parent)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{temporary}{suffix}").unlink(missing_ok=True)


def find_version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a file; raises StoreError if it is not a store of ours."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StoreError(f"not a piufarm store: {path}", hint="let the key `state` name another file, or move this one")
    return int(version)
