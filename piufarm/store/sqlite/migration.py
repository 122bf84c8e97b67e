"""Bringing a file of an older schema to the present one, in one transaction: it is done as a whole or not at all."""

from __future__ import annotations

import sqlite3
from typing import Final

from piufarm.faults import fault_point
from piufarm.store.relations_text import RelationsReader
from piufarm.store.sql.schema import SCHEMA_VERSION, TABLES

_OLD: Final = "old_"  # before the names of tables while there are both


def migrate(connection: sqlite3.Connection) -> None:
    """Bring version 1 to the present one, unless another process has; `connection` is inside no transaction.

    All tables are made anew and filled with what the old ones hold; columns that are new get their defaults.
    """
    connection.execute("PRAGMA foreign_keys = OFF")  # has no effect inside a transaction
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 1:
            _rebuild(connection)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        fault_point("migrate.commit-due")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _rebuild(connection: sqlite3.Connection) -> None:
    old = _names(connection, "table")
    for index in _names(connection, "index"):
        connection.execute(f"DROP INDEX {index}")
    for table in old:
        connection.execute(f"ALTER TABLE {table} RENAME TO {_OLD}{table}")
    fault_point("migrate.renamed")
    for statement in TABLES.split(";\n"):
        connection.execute(statement)
    for table in _names(connection, "table"):
        if table in old:
            columns = ", ".join(_columns(connection, f"{_OLD}{table}"))
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {_OLD}{table}")
            fault_point("migrate.table-copied")
    _derive(connection)
    for table in old:
        connection.execute(f"DROP TABLE {_OLD}{table}")


def _derive(connection: sqlite3.Connection) -> None:
    """Enter what version 1 did not say, or said in another way."""
    connection.execute(
        """
        UPDATE package SET free = 0 WHERE EXISTS (SELECT 1 FROM reservation AS r
            WHERE r.section_id = package.section_id AND r.package = package.name AND r.version = package.test_version)
        """
    )
    dependents: dict[tuple[int, int, str], list[str]] = {}
    edges = f"SELECT section_id, generation, target, package FROM {_OLD}edge ORDER BY package"
    for section_id, generation, name, package in connection.execute(edges):
        dependents.setdefault((section_id, generation, name), []).append(package)
    providers: dict[tuple[int, int, str], list[str]] = {}
    read = RelationsReader()
    provided = "SELECT section_id, generation, name, provides FROM package WHERE provides != '' ORDER BY name"
    for section_id, generation, package, provides in connection.execute(provided):
        for virtual in read.provides(provides):
            providers.setdefault((section_id, generation, virtual.name), []).append(package)
    connection.executemany(
        "INSERT INTO dependents (section_id, generation, name, packages, providers) VALUES (?, ?, ?, ?, ?)",
        [(*key, ",".join(packages), ",".join(providers.get(key, ()))) for key, packages in dependents.items()],
    )
    # states are computed by other rules now
    connection.execute("UPDATE section SET counter = counter + 1")


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = ? AND sql IS NOT NULL AND name NOT LIKE ?", (kind, f"{_OLD}%")
    )
    return [name for (name,) in rows]


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
