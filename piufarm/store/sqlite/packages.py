"""Reading the packages of a section's present snapshot, and what they depend on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState
from piufarm.store.model import Dependency, PackageRow, SectionRow
from piufarm.store.sqlite.connection import Database
from piufarm.store.sqlite.rows import Row, dependencies, find_section, moment

_COLUMNS: Final = (
    "name, version, test_version, source, source_version, maintainer, state, reason, chain, waiting, blocked, listed"
)
_PRESENT: Final = (
    "section_id = (SELECT id FROM section WHERE name = ?1)"
    " AND generation = (SELECT generation FROM section WHERE name = ?1)"
)


def sections(cursor: sqlite3.Cursor, name: SectionName | None = None) -> Sequence[SectionRow]:
    """All sections by name, or the one asked for."""
    rows = cursor.execute(
        "SELECT name, generation, refreshed_at, index_digest, index_size FROM section"
        " WHERE ?1 IS NULL OR name = ?1 ORDER BY name",
        (name,),
    )
    return [
        SectionRow(SectionName(name), generation, None if refreshed is None else moment(refreshed), digest, size)
        for name, generation, refreshed, digest, size in rows
    ]


def packages(database: Database, section: SectionName, state: PackageState | None) -> Iterator[PackageRow]:
    """See Store.packages."""
    rows = database.stream(
        f"SELECT {_COLUMNS} FROM package WHERE {_PRESENT} AND listed = 1 AND (?2 IS NULL OR state = ?2) ORDER BY name",
        (section, state),
    )
    return map(_package_row, rows)


def package(cursor: sqlite3.Cursor, section: SectionName, name: Package) -> PackageRow | None:
    """See Store.package."""
    row = cursor.execute(f"SELECT {_COLUMNS} FROM package WHERE {_PRESENT} AND name = ?2", (section, name)).fetchone()
    return _package_row(row) if row else None


def _package_row(row: Row) -> PackageRow:
    name, version, test_version, source, source_version, maintainer, *computed, listed = row
    state, reason, chain, waiting, blocked = computed
    return PackageRow(
        Package(name),
        Version(version),
        Version(test_version),
        Package(source),
        Version(source_version),
        maintainer,
        PackageState(state),
        reason,
        chain,
        waiting,
        blocked,
        bool(listed),
    )


def package_dependencies(cursor: sqlite3.Cursor, section: SectionName, name: Package) -> Sequence[Dependency]:
    """See Store.dependencies."""
    row = cursor.execute(
        f"SELECT depends, pre_depends, chosen FROM package WHERE {_PRESENT} AND name = ?2", (section, name)
    ).fetchone()
    return dependencies(*row) if row else ()


def all_dependencies(database: Database, section: SectionName) -> Iterator[tuple[Package, Sequence[Dependency]]]:
    """See Store.all_dependencies."""
    rows = database.stream(
        f"SELECT name, depends, pre_depends, chosen FROM package WHERE {_PRESENT} AND listed = 1 ORDER BY name",
        (section,),
    )
    for name, *columns in rows:
        yield Package(name), dependencies(*columns)


def providers(cursor: sqlite3.Cursor, section: SectionName) -> Mapping[Package, Sequence[Package]]:
    """See Store.providers."""
    found: dict[Package, list[Package]] = {}
    rows = cursor.execute(
        f"SELECT name, provides FROM package WHERE {_PRESENT} AND provides != '' ORDER BY name", (section,)
    )
    for name, provided in rows:
        for virtual in provided.split(","):
            found.setdefault(Package(virtual), []).append(Package(name))
    return found


def reverse_dependencies(cursor: sqlite3.Cursor, section: SectionName, name: Package) -> Sequence[Package]:
    """See Store.reverse_dependencies."""
    rows = cursor.execute(
        f"SELECT package FROM edge WHERE {_PRESENT} AND target = ?2 ORDER BY package", (section, name)
    )
    return [Package(row[0]) for row in rows]


def counts(cursor: sqlite3.Cursor, section: SectionName) -> dict[PackageState, int]:
    """See Store.counts."""
    found = dict.fromkeys(PackageState, 0)
    key = find_section(cursor, section)
    rows = cursor.execute(
        "SELECT state, count(*) FROM package WHERE section_id = ? AND generation = ? AND listed = 1 GROUP BY state",
        (key.id, key.generation),
    )
    for state, number in rows:
        found[PackageState(state)] = number
    return found
