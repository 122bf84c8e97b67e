"""The tables, their version, and how a new database file comes into being. docs/store.md explains the tables."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from piufarm.files import fsync_directory, fsync_file, make_directory
from piufarm.store.errors import StoreError

SCHEMA_VERSION: Final = 1
APPLICATION_ID: Final = 0x70697566  # "piuf": marks the file as ours

# Times are microseconds since 1970 UTC. `generation` numbers the archive snapshots of a section; rows of others than
# `section.generation` are being staged or thrown away. `edge` holds every name that a package's dependencies mention.
_TABLES: Final = """
CREATE TABLE section (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL DEFAULT 0,
    last_generation INTEGER NOT NULL DEFAULT 0,
    refreshed_at INTEGER,
    index_digest TEXT NOT NULL DEFAULT '',
    index_size INTEGER NOT NULL DEFAULT 0,
    counter INTEGER NOT NULL DEFAULT 0,
    evaluated INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    section_id INTEGER NOT NULL REFERENCES section (id),
    generation INTEGER NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    test_version TEXT NOT NULL,
    source TEXT NOT NULL,
    source_version TEXT NOT NULL,
    maintainer TEXT NOT NULL,
    listed INTEGER NOT NULL,
    depends TEXT NOT NULL,
    pre_depends TEXT NOT NULL,
    provides TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    chain INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    chosen TEXT NOT NULL,
    weight INTEGER NOT NULL,
    tie INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    UNIQUE (section_id, generation, name)
);
CREATE INDEX package_candidate ON package (section_id, generation, weight DESC, tie)
    WHERE state = 'waiting-to-be-tested' AND listed = 1;
CREATE INDEX package_state ON package (section_id, generation, listed, state);

CREATE TABLE edge (
    section_id INTEGER NOT NULL REFERENCES section (id),
    generation INTEGER NOT NULL,
    target TEXT NOT NULL,
    package TEXT NOT NULL,
    PRIMARY KEY (section_id, generation, target, package)
) WITHOUT ROWID;

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    outcome TEXT NOT NULL,
    standing TEXT NOT NULL,
    placement TEXT NOT NULL,
    slave TEXT,
    received_at INTEGER NOT NULL,
    log TEXT NOT NULL,
    log_bytes INTEGER NOT NULL,
    log_sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX run_of_package ON run (section_id, package, version, received_at);
CREATE UNIQUE INDEX run_current ON run (section_id, package, version) WHERE standing = 'current';

CREATE TABLE reservation (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    owner TEXT,
    reserved_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    PRIMARY KEY (section_id, package, version)
) WITHOUT ROWID;
CREATE INDEX reservation_of_owner ON reservation (owner, section_id);

CREATE TABLE lapsed (
    section_id INTEGER NOT NULL REFERENCES section (id),
    package TEXT NOT NULL,
    version TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (section_id, package, version, owner)
) WITHOUT ROWID;

CREATE TABLE daily_count (
    section_id INTEGER NOT NULL REFERENCES section (id),
    day TEXT NOT NULL,
    state TEXT NOT NULL,
    packages INTEGER NOT NULL,
    PRIMARY KEY (section_id, day, state)
) WITHOUT ROWID;
"""


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
                f"BEGIN; {_TABLES} PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
            )
        finally:
            connection.close()
        fsync_file(temporary)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return
        fsync_directory(path.parent)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{temporary}{suffix}").unlink(missing_ok=True)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StoreError if the file is not a store of ours, or of a version that we do not know."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise StoreError(f"not a piufarm store: {path}", hint="let the key `state` name another file, or move this one")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by a newer piufarm (schema {version}, this one knows {SCHEMA_VERSION})",
            hint="upgrade piufarm on this host",
        )
