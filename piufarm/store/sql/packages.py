"""Reading the packages of a section's present snapshot, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState
from piufarm.store.model import Dependency, PackageRow, SectionRow
from piufarm.store.relations_text import RelationsReader
from piufarm.store.sql.database import Cursor, Database, Row
from piufarm.store.sql.rows import dependencies, find_section, moment

# what holds a package back that could be tested is no matter of its dependencies, and so not of the computed reason
_REASON: Final = (
    "CASE WHEN free = 0 AND state = 'waiting-to-be-tested' THEN coalesce((SELECT hold.reason FROM hold"
    " WHERE hold.section_id = package.section_id AND hold.package = package.name"
    " AND hold.version = package.test_version), package.reason) ELSE package.reason END"
)
_COLUMNS: Final = (
    f"name, version, test_version, source, source_version, maintainer, state, {_REASON}, chain, waiting, blocked,"
    " listed"
)
_PRESENT: Final = (
    "section_id = (SELECT id FROM section WHERE name = :section)"
    " AND generation = (SELECT generation FROM section WHERE name = :section)"
)


def sections(cursor: Cursor, name: SectionName | None = None) -> Sequence[SectionRow]:
    """All sections by name, or the one asked for."""
    rows = cursor.execute(
        "SELECT name, generation, refreshed_at, index_digest, index_size FROM section"
        " WHERE CAST(:name AS TEXT) IS NULL OR name = :name ORDER BY name",
        {"name": name},
    )
    return [
        SectionRow(SectionName(name), generation, None if refreshed is None else moment(refreshed), digest, size)
        for name, generation, refreshed, digest, size in rows
    ]


def packages(database: Database, section: SectionName, state: PackageState | None) -> Iterator[PackageRow]:
    """See Store.packages."""
    rows = database.stream(
        f"SELECT {_COLUMNS} FROM package WHERE {_PRESENT} AND listed = 1"
        " AND (CAST(:state AS TEXT) IS NULL OR state = :state) ORDER BY name",
        {"section": section, "state": state},
    )
    return map(_package_row, rows)


def package(cursor: Cursor, section: SectionName, name: Package) -> PackageRow | None:
    """See Store.package."""
    row = cursor.execute(
        f"SELECT {_COLUMNS} FROM package WHERE {_PRESENT} AND name = :name", {"section": section, "name": name}
    ).fetchone()
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


def package_dependencies(cursor: Cursor, section: SectionName, name: Package) -> Sequence[Dependency]:
    """See Store.dependencies."""
    row = cursor.execute(
        f"SELECT depends, pre_depends, chosen FROM package WHERE {_PRESENT} AND name = :name",
        {"section": section, "name": name},
    ).fetchone()
    return dependencies(RelationsReader(), *row) if row else ()


def all_dependencies(database: Database, section: SectionName) -> Iterator[tuple[Package, Sequence[Dependency]]]:
    """See Store.all_dependencies."""
    rows = database.stream(
        f"SELECT name, depends, pre_depends, chosen FROM package WHERE {_PRESENT} AND listed = 1 ORDER BY name",
        {"section": section},
    )
    read = RelationsReader()
    for name, *columns in rows:
        yield Package(name), dependencies(read, *columns)


def providers(cursor: Cursor, section: SectionName) -> Mapping[Package, Sequence[Package]]:
    """See Store.providers."""
    found: dict[Package, list[Package]] = {}
    read = RelationsReader()
    rows = cursor.execute(
        f"SELECT name, provides FROM package WHERE {_PRESENT} AND provides != '' ORDER BY name", {"section": section}
    )
    for name, provided in rows:
        for virtual in dict.fromkeys(one.name for one in read.provides(provided)):
            found.setdefault(virtual, []).append(Package(name))
    return found


def reverse_dependencies(cursor: Cursor, section: SectionName, name: Package) -> Sequence[Package]:
    """See Store.reverse_dependencies."""
    row = cursor.execute(
        f"SELECT packages FROM dependents WHERE {_PRESENT} AND name = :name", {"section": section, "name": name}
    ).fetchone()
    return list(map(Package, row[0].split(","))) if row else []


def versions(cursor: Cursor, section: SectionName) -> dict[str, str]:
    """See Store.versions."""
    query = f"SELECT name, test_version FROM package WHERE {_PRESENT} AND listed = 1"
    return dict(cursor.execute(query, {"section": section}).fetchall())


def counts(cursor: Cursor, section: SectionName) -> dict[PackageState, int]:
    """See Store.counts."""
    found = dict.fromkeys(PackageState, 0)
    key = find_section(cursor, section)
    rows = cursor.execute(
        "SELECT state, count(*) FROM package"
        " WHERE section_id = :section_id AND generation = :generation AND listed = 1 GROUP BY state",
        key.columns,
    )
    for state, number in rows:
        found[PackageState(state)] = number
    return found
