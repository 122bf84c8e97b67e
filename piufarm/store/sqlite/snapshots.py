"""Bringing a new archive snapshot in: staged in short transactions beside the present one, then one switch."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Final

from piufarm.names import SectionName
from piufarm.states import PackageState
from piufarm.store.errors import StoreError
from piufarm.store.model import IndexPackage
from piufarm.store.sqlite.connection import Database
from piufarm.store.sqlite.rows import Row, SectionKey, clauses_text, count_change, find_section, make_section, micros

_BATCH: Final = 1000  # packages a transaction: some 10 ms, so that sessions hardly notice
_TIE_RANGE: Final = 2**31
_NEW: Final = (PackageState.UNKNOWN.value, "new in the archive; its state has not been computed yet", 0, 0, 0, "", 0)
_COMPUTED: Final = "state, reason, chain, waiting, blocked, chosen, weight"


def replace_packages(
    database: Database,
    section: SectionName,
    packages: Iterable[IndexPackage],
    *,
    index_digest: str,
    index_size: int,
    now: datetime,
) -> int:
    """See Store.replace_packages."""
    with database.write() as cursor:
        key = make_section(cursor, section)
        (generation,) = cursor.execute(
            "UPDATE section SET last_generation = last_generation + 1 WHERE id = ? RETURNING last_generation", (key.id,)
        ).fetchone()
    try:
        _stage(database, key, generation, packages, known=_known_states(database, section))
        _switch(database, key, generation, (micros(now), index_digest, index_size))
    except BaseException:
        with suppress(StoreError):  # the next switch removes what cannot be removed now, as after a kill
            _remove(database, key, "generation = ?", generation)
        raise
    _remove(database, key, "generation < ?", generation)
    return int(generation)


def _stage(
    database: Database,
    key: SectionKey,
    generation: int,
    packages: Iterable[IndexPackage],
    *,
    known: Mapping[tuple[str, str], Row],
) -> None:
    rows = iter(packages)
    while batch := list(islice(rows, _BATCH)):
        with database.write() as cursor:
            cursor.executemany(_INSERT_PACKAGE, (_package_row(key, generation, package, known) for package in batch))
            cursor.executemany("INSERT INTO edge VALUES (?, ?, ?, ?)", _edge_rows(key, generation, batch))


def note_refresh(cursor: sqlite3.Cursor, section: SectionName, now: datetime) -> None:
    """See Store.note_refresh."""
    cursor.execute("UPDATE section SET refreshed_at = ? WHERE name = ?", (micros(now), section))


_INSERT_PACKAGE: Final = f"""
INSERT INTO package (section_id, generation, name, version, test_version, source, source_version, maintainer, listed,
    depends, pre_depends, provides, {_COMPUTED}, tie, changed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
"""


def _known_states(database: Database, section: SectionName) -> Mapping[tuple[str, str], Row]:
    """The computed columns of the present snapshot by name and test version."""
    with database.read() as cursor:
        key = find_section(cursor, section)
        rows = cursor.execute(
            f"SELECT name, test_version, depends, pre_depends, {_COMPUTED} FROM package"
            " WHERE section_id = ? AND generation = ?",
            (key.id, key.generation),
        )
        return {(row[0], row[1]): row[2:] for row in rows}


def _package_row(
    key: SectionKey, generation: int, package: IndexPackage, known: Mapping[tuple[str, str], Row]
) -> Row:
    depends = clauses_text(clause.alternatives for clause in package.depends if not clause.pre)
    pre_depends = clauses_text(clause.alternatives for clause in package.depends if clause.pre)
    before = known.get((package.name, package.test_version))
    # a state that was computed from other dependencies says nothing, and its choices do not even fit
    computed = before[2:] if before is not None and before[:2] == (depends, pre_depends) else _NEW
    return (
        key.id, generation, package.name, package.version, package.test_version, package.source,
        package.source_version, package.maintainer, int(package.listed), depends, pre_depends,
        ",".join(package.provides), *computed, random.randrange(_TIE_RANGE),
    )  # fmt: skip


def _edge_rows(key: SectionKey, generation: int, packages: Iterable[IndexPackage]) -> Iterator[Row]:
    for package in packages:
        targets = {target for clause in package.depends for target in clause.alternatives}
        for target in sorted(targets):
            yield key.id, generation, target, package.name


def _switch(database: Database, key: SectionKey, generation: int, description: Row) -> None:
    with database.write() as cursor:
        current = cursor.execute("SELECT generation FROM section WHERE id = ?", (key.id,)).fetchone()[0]
        if current > generation:
            raise StoreError("another refresh of this section has overtaken this one", hint="its packages are in use")
        # what results have changed while the new snapshot was being staged
        cursor.execute(
            """
            UPDATE package SET state = old.state, reason = old.reason, changed = old.changed FROM package AS old
            WHERE old.section_id = ?1 AND old.generation = ?2 AND old.changed > ?3
                AND package.section_id = ?1 AND package.generation = ?4
                AND package.name = old.name AND package.test_version = old.test_version
            """,
            (key.id, current, key.counter, generation),
        )
        cursor.execute(
            "UPDATE section SET generation = ?, refreshed_at = ?, index_digest = ?, index_size = ? WHERE id = ?",
            (generation, *description, key.id),
        )
        _forget_reservations(cursor, key, generation, now=description[0])
        count_change(cursor, key)


def _forget_reservations(cursor: sqlite3.Cursor, key: SectionKey, generation: int, *, now: int) -> None:
    """Nobody gets a reservation of a version that is not tested any more; those past their deadline can go."""
    gone = (
        "section_id = ?1 AND NOT EXISTS (SELECT 1 FROM package AS p WHERE p.section_id = ?1 AND p.generation = ?2"
        " AND p.name = package AND p.test_version = {table}.version)"
    )
    cursor.execute(
        f"DELETE FROM reservation WHERE deadline <= ?3 AND {gone.format(table='reservation')}",
        (key.id, generation, now),
    )
    cursor.execute(f"DELETE FROM lapsed WHERE {gone.format(table='lapsed')}", (key.id, generation))


def _remove(database: Database, key: SectionKey, condition: str, generation: int) -> None:
    for table, columns in (("package", "id"), ("edge", "section_id, generation, target, package")):
        removed = 1
        while removed:
            with database.write() as cursor:
                removed = cursor.execute(
                    f"DELETE FROM {table} WHERE ({columns}) IN"
                    f" (SELECT {columns} FROM {table} WHERE section_id = ? AND {condition} LIMIT {_BATCH})",
                    (key.id, generation),
                ).rowcount
