"""Bringing a new archive snapshot in: staged in short transactions beside the present one, then one switch."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from piufarm.faults import fault_point
from piufarm.names import Package, SectionName
from piufarm.states import PackageState
from piufarm.store.errors import StoreError
from piufarm.store.evaluations import Circumstances
from piufarm.store.model import ComputedState, Dependency, IndexPackage
from piufarm.store.relations_text import clauses_text, provides_text
from piufarm.store.sql import candidates
from piufarm.store.sql.database import Cursor, Database, Row
from piufarm.store.sql.rows import (
    SectionKey,
    candidate_weight,
    count_change,
    lock_section,
    lock_snapshot,
    micros,
    numbers_text,
)
from piufarm.store.sql.sections import mark_evaluated

_BATCH: Final = 300  # rows a transaction: some milliseconds, so that sessions hardly notice
_TIE_BITS: Final = 31
_NEW: Final = ComputedState(PackageState.UNKNOWN, "new in the archive; its state has not been computed yet")
_PACKAGE_COLUMNS: Final = (
    "section_id", "generation", "name", "version", "test_version", "source", "source_version", "maintainer", "listed",
    "depends", "pre_depends", "provides", "state", "reason", "chain", "waiting", "blocked", "chosen", "retestable",
    "blocker", "weight", "tie", "changed",
)  # fmt: skip
_DEPENDENTS_COLUMNS: Final = ("section_id", "generation", "name", "packages", "providers")


class Description(NamedTuple):
    """What the indexes of a snapshot were, and when."""

    digest: str
    size: int
    now: datetime


class Evaluated(NamedTuple):
    """States that come with the packages, and what they were computed from; None: they are not complete."""

    states: Mapping[Package, ComputedState]
    circumstances: Circumstances | None


def replace_packages(
    database: Database,
    section: SectionName,
    packages: Iterable[IndexPackage],
    description: Description,
    evaluated: Evaluated,
) -> int:
    """See Store.replace_packages."""
    with database.write() as cursor:
        key = lock_section(cursor, section)
        (generation,) = cursor.execute(
            "UPDATE section SET last_generation = last_generation + 1 WHERE id = :id RETURNING last_generation",
            {"id": key.id},
        ).fetchone()
    states, known = evaluated
    fault_point("refresh.generation-taken")
    staged = SectionKey(key.id, generation, key.counter if known is None else known.counter)
    try:
        _stage(database, staged, packages, states)
        with database.write() as cursor:
            before, counter = _switch(cursor, section, staged, description)
            if known is not None:
                mark_evaluated(cursor, staged, counter if before == known.counter else known.counter, known.others)
    except BaseException:
        with suppress(StoreError):  # the next switch removes what cannot be removed now, as after a kill
            _remove(database, staged, "generation = :generation")
        raise
    _remove(database, staged, "generation < :generation")
    return int(generation)


def note_refresh(cursor: Cursor, section: SectionName, now: datetime) -> None:
    """See Store.note_refresh."""
    cursor.execute("UPDATE section SET refreshed_at = :now WHERE name = :name", {"now": micros(now), "name": section})


def _stage(
    database: Database, key: SectionKey, packages: Iterable[IndexPackage], states: Mapping[Package, ComputedState]
) -> None:
    mentions = _Mentions()
    rows = (_package_row(key, package, mentions.note(package), states.get(package.name, _NEW)) for package in packages)
    _load(database, "package", _PACKAGE_COLUMNS, rows)
    _load(database, "dependents", _DEPENDENTS_COLUMNS, mentions.rows(key))
    database.settle("package", "dependents")


def _load(database: Database, table: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    while batch := list(islice(rows, _BATCH)):
        with database.write(durable=False) as cursor:
            cursor.load(table, columns, batch)
        fault_point("refresh.staged")


def _package_row(
    key: SectionKey, package: IndexPackage, depends: tuple[str, str], computed: ComputedState
) -> Row:
    return (
        key.id, key.generation, package.name, package.version, package.test_version, package.source,
        package.source_version, package.maintainer, int(package.listed), *depends, provides_text(package.provides),
        computed.state.value, computed.reason, computed.chain, computed.waiting, computed.blocked,
        numbers_text(computed.chosen), int(computed.retestable), computed.blocker, candidate_weight(computed),
        random.getrandbits(_TIE_BITS), 0,
    )  # fmt: skip


class _Clause(NamedTuple):
    """A clause that packages have, as their rows hold it."""

    clause: Dependency
    text: str
    users: list[str]


class _Mentions:
    """What packages depend on and provide, gathered as they go by.

    Clauses are told apart by identity: an archive repeats most of them, and equal ones are mostly one object.
    """

    def __init__(self) -> None:
        self._clauses: dict[int, _Clause] = {}
        self._providers: dict[str, list[str]] = {}

    def note(self, package: IndexPackage) -> tuple[str, str]:
        """The texts of a package's Depends and Pre-Depends."""
        plain: list[str] = []
        early: list[str] = []
        for clause in package.depends:
            known = self._clauses.get(id(clause))
            if known is None:
                known = self._clauses[id(clause)] = _Clause(clause, clauses_text([clause.alternatives]), [])
            known.users.append(package.name)
            (early if clause.pre else plain).append(known.text)
        for name in {provided.name for provided in package.provides}:
            self._providers.setdefault(name, []).append(package.name)
        return ",".join(plain), ",".join(early)

    def rows(self, key: SectionKey) -> Iterator[Row]:
        """Every name that a clause mentions; what is provided and never mentioned is in nobody's way."""
        dependents: dict[str, list[str]] = {}
        for clause, _, users in self._clauses.values():
            for wanted in clause.alternatives:
                if not wanted.arch:
                    dependents.setdefault(wanted.name, []).extend(users)
        for name in sorted(dependents):
            packages = dict.fromkeys(sorted(dependents[name]))
            yield key.id, key.generation, name, ",".join(packages), ",".join(sorted(self._providers.get(name, ())))


def _switch(
    cursor: Cursor, section: SectionName, staged: SectionKey, description: Description
) -> tuple[int, int]:
    """Returns the counts of changes before and after."""
    current = lock_snapshot(cursor, section)
    if current.generation > staged.generation:
        raise StoreError("another refresh of this section has overtaken this one", hint="its packages are in use")
    # what results have changed while the new snapshot was being prepared
    cursor.execute(
        """
        UPDATE package SET state = old.state, reason = old.reason, changed = old.changed FROM package AS old
        WHERE old.section_id = :section_id AND old.generation = :current AND old.changed > 0 AND old.changed > :counter
            AND package.section_id = :section_id AND package.generation = :generation
            AND package.name = old.name AND package.test_version = old.test_version
        """,
        {**staged.columns, "current": current.generation, "counter": staged.counter},
    )
    fault_point("switch.results-copied")
    cursor.execute(
        "UPDATE section SET generation = :generation, refreshed_at = :now, index_digest = :digest, index_size = :size"
        " WHERE id = :section_id",
        {**staged.columns, "now": micros(description.now), "digest": description.digest, "size": description.size},
    )
    fault_point("switch.section-updated")
    _forget_reservations(cursor, staged, micros(description.now))
    candidates.update_all(cursor, staged.id, staged.generation)
    fault_point("switch.candidates-updated")
    return current.counter, count_change(cursor, staged)


def _forget_reservations(cursor: Cursor, staged: SectionKey, now: int) -> None:
    """Nobody gets a reservation of a version that is not tested any more; those past their deadline can go."""
    cursor.execute(
        """
        DELETE FROM reservation WHERE section_id = :section_id AND deadline <= :now AND NOT EXISTS (
            SELECT 1 FROM package AS p WHERE p.section_id = :section_id AND p.generation = :generation
                AND p.name = reservation.package AND p.test_version = reservation.version)
        """,
        {**staged.columns, "now": now},
    )


def _remove(database: Database, key: SectionKey, condition: str) -> None:
    for table, columns in (("package", "id"), ("dependents", "section_id, generation, name")):
        removed = 1
        while removed:
            with database.write(durable=False) as cursor:
                removed = cursor.execute(
                    f"DELETE FROM {table} WHERE ({columns}) IN"
                    f" (SELECT {columns} FROM {table} WHERE section_id = :section_id AND {condition} LIMIT {_BATCH})",
                    key.columns,
                ).rowcount
            fault_point("refresh.older-removed")
