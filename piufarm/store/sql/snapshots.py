"""Bringing a new archive snapshot in: staged in short transactions beside the present one, then one switch."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Final

from piufarm.names import SectionName
from piufarm.states import PackageState
from piufarm.store.errors import StoreError
from piufarm.store.model import IndexPackage
from piufarm.store.relations_text import clauses_text, provides_text
from piufarm.store.sql import candidates
from piufarm.store.sql.database import Cursor, Database, Row
from piufarm.store.sql.rows import SectionKey, count_change, find_section, lock_section, lock_snapshot, micros

_BATCH: Final = 1000  # packages a transaction: some 10 ms, so that sessions hardly notice
_TIE_RANGE: Final = 2**31
_NEW: Final = (PackageState.UNKNOWN.value, "new in the archive; its state has not been computed yet", 0, 0, 0, "", 0, 0)
_COMPUTED: Final = ("state", "reason", "chain", "waiting", "blocked", "chosen", "weight", "retestable")
_PACKAGE_COLUMNS: Final = (
    "section_id", "generation", "name", "version", "test_version", "source", "source_version", "maintainer", "listed",
    "depends", "pre_depends", "provides", *_COMPUTED, "tie", "changed",
)  # fmt: skip


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
        key = lock_section(cursor, section)
        (generation,) = cursor.execute(
            "UPDATE section SET last_generation = last_generation + 1 WHERE id = :id RETURNING last_generation",
            {"id": key.id},
        ).fetchone()
    try:
        _stage(database, key, generation, packages, known=_known_states(database, section))
        _switch(database, section, (key, generation), (micros(now), index_digest, index_size))
    except BaseException:
        with suppress(StoreError):  # the next switch removes what cannot be removed now, as after a kill
            _remove(database, key, "generation = :generation", generation)
        raise
    _remove(database, key, "generation < :generation", generation)
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
            cursor.load(
                "package", _PACKAGE_COLUMNS, (_package_row(key, generation, package, known) for package in batch)
            )
            cursor.load(
                "edge", ("section_id", "generation", "target", "package"), _edge_rows(key, generation, batch)
            )


def note_refresh(cursor: Cursor, section: SectionName, now: datetime) -> None:
    """See Store.note_refresh."""
    cursor.execute("UPDATE section SET refreshed_at = :now WHERE name = :name", {"now": micros(now), "name": section})




def _known_states(database: Database, section: SectionName) -> Mapping[tuple[str, str], Row]:
    """The computed columns of the present snapshot by name and test version."""
    with database.read() as cursor:
        key = find_section(cursor, section)
        rows = cursor.execute(
            f"SELECT name, test_version, depends, pre_depends, {', '.join(_COMPUTED)} FROM package"
            " WHERE section_id = :section_id AND generation = :generation",
            key.columns,
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
        provides_text(package.provides), *computed, random.randrange(_TIE_RANGE), 0,
    )  # fmt: skip


def _edge_rows(key: SectionKey, generation: int, packages: Iterable[IndexPackage]) -> Iterator[Row]:
    for package in packages:
        targets = {target.name for clause in package.depends for target in clause.alternatives if not target.arch}
        for target in sorted(targets):
            yield key.id, generation, target, package.name


def _switch(database: Database, section: SectionName, new: tuple[SectionKey, int], description: Row) -> None:
    key, generation = new
    with database.write() as cursor:
        current = lock_snapshot(cursor, section).generation
        if current > generation:
            raise StoreError("another refresh of this section has overtaken this one", hint="its packages are in use")
        # what results have changed while the new snapshot was being staged
        cursor.execute(
            """
            UPDATE package SET state = old.state, reason = old.reason, changed = old.changed FROM package AS old
            WHERE old.section_id = :section_id AND old.generation = :current AND old.changed > :counter
                AND package.section_id = :section_id AND package.generation = :generation
                AND package.name = old.name AND package.test_version = old.test_version
            """,
            {"section_id": key.id, "current": current, "counter": key.counter, "generation": generation},
        )
        cursor.execute(
            "UPDATE section SET generation = :generation, refreshed_at = :now, index_digest = :digest,"
            " index_size = :size WHERE id = :id",
            {"id": key.id, "generation": generation, **dict(zip(("now", "digest", "size"), description, strict=True))},
        )
        _forget_reservations(cursor, key, generation, now=description[0])
        candidates.update_all(cursor, key.id, generation)
        count_change(cursor, key)


def _forget_reservations(cursor: Cursor, key: SectionKey, generation: int, *, now: int) -> None:
    """Nobody gets a reservation of a version that is not tested any more; those past their deadline can go."""
    gone = (
        "section_id = :section_id AND NOT EXISTS (SELECT 1 FROM package AS p WHERE p.section_id = :section_id"
        " AND p.generation = :generation AND p.name = package AND p.test_version = {table}.version)"
    )
    what = {"section_id": key.id, "generation": generation, "now": now}
    cursor.execute(f"DELETE FROM reservation WHERE deadline <= :now AND {gone.format(table='reservation')}", what)
    cursor.execute(f"DELETE FROM lapsed WHERE {gone.format(table='lapsed')}", what)


def _remove(database: Database, key: SectionKey, condition: str, generation: int) -> None:
    for table, columns in (("package", "id"), ("edge", "section_id, generation, target, package")):
        removed = 1
        while removed:
            with database.write() as cursor:
                removed = cursor.execute(
                    f"DELETE FROM {table} WHERE ({columns}) IN"
                    f" (SELECT {columns} FROM {table} WHERE section_id = :section_id AND {condition} LIMIT {_BATCH})",
                    {"section_id": key.id, "generation": generation},
                ).rowcount
