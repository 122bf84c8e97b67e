"""What a result may change at once: the packages that depend on its own, and all that these can depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Final

from piufarm.names import PACKAGE_MAX, Package, SectionName
from piufarm.states import PackageState
from piufarm.store.evaluations import Neighbourhood
from piufarm.store.model import Node, Relation
from piufarm.store.relations_text import RelationsReader
from piufarm.store.sql.database import Cursor, Row
from piufarm.store.sql.evaluations import NODE_COLUMNS, WITH_RESULTS, node
from piufarm.store.sql.rows import SectionKey

_AT_ONCE: Final = 256  # names a query
_TELLING: Final = 32  # packages that many others need: most of these wait for one of them, if for anything
_NAMES: Final = "{names}"  # stands for them in a query
_HEAD: Final = """
SELECT s.id, s.generation, s.counter, p.provides,
    EXISTS (SELECT 1 FROM looks_into AS l WHERE l.section_id = s.id)
FROM section AS s LEFT JOIN package AS p ON p.section_id = s.id AND p.generation = s.generation AND p.name = :package
WHERE s.name = :section
"""
_PRESENT: Final = "section_id = :section_id AND generation = :generation"
_NODES: Final = (
    f"SELECT {NODE_COLUMNS} FROM {WITH_RESULTS}"
    f" WHERE p.section_id = :section_id AND p.generation = :generation AND p.name IN ({_NAMES})"
)
_CLAUSES: Final = (
    f"SELECT name, depends, pre_depends, listed, state FROM package WHERE {_PRESENT} AND name IN ({_NAMES})"
)
_ALONE: Final = f"""
    SELECT name, listed, state FROM package WHERE {_PRESENT} AND name IN ({_NAMES})
        AND NOT EXISTS (SELECT 1 FROM dependents AS d WHERE d.section_id = :section_id
            AND d.generation = :generation AND d.name = package.name AND d.providers != '')
"""
_LISTED, _DEPENDS, _PROVIDES, _STATE = 3, 4, 6, 9  # places among NODE_COLUMNS
_PENDING: Final = frozenset({PackageState.WAITING_TO_BE_TESTED, PackageState.WAITING_FOR_DEPENDENCY})
# a dependency changes nothing about them
_FIXED: Final = frozenset(
    {
        PackageState.SUCCESSFULLY_TESTED,
        PackageState.FAILED_TESTING,
        PackageState.CANNOT_BE_TESTED,
        PackageState.DEPENDENCY_DOES_NOT_EXIST,
        PackageState.OUTDATED,
    }
)


def neighbourhood(
    cursor: Cursor, section: SectionName, package: Package, limit: int, *, passed: bool
) -> Neighbourhood | None:
    """See Store.neighbourhood."""
    row = cursor.execute(_HEAD, {"section": section, "package": package}).fetchone()
    if row is None:
        return None
    *numbers, provides, looks_elsewhere = row
    key, alone = SectionKey(*numbers), not looks_elsewhere
    names: Collection[str] | None = ()
    if provides is not None:  # a package of this snapshot
        names = _dependents(cursor, key, (package, provides), limit)
    if names is None:
        return None
    if passed:
        names = _hopeful(cursor, key, names)
    if not names:
        return Neighbourhood(key.generation, key.counter, [], [], alone)
    read = RelationsReader()
    rows = [row for row in _nodes(cursor, key, names) if _can_change(row)]
    dependents = [node(_without_provides(row), read) for row in rows]
    mentioned = {name for found in dependents for name in _mentioned(found)}
    dependents = [
        found._replace(provides=read.provides(_among(mentioned, row[_PROVIDES])))
        for found, row in zip(dependents, rows, strict=True)
    ]
    providers = _providers(cursor, key, mentioned)
    among = {found.name for found in dependents}
    wanted = mentioned.union(*providers.values()) - among
    options = _options(cursor, key, wanted, mentioned)
    if not alone:
        elsewhere = {found.name for found in options if found.stored.state is PackageState.OUTDATED}
        elsewhere |= mentioned - {found.name for found in options} - among - providers.keys()
        dependents = [found for found in dependents if elsewhere.isdisjoint(_mentioned(found))]
    return Neighbourhood(key.generation, key.counter, dependents, options, alone)


def _dependents(
    cursor: Cursor, key: SectionKey, package: tuple[Package, str], limit: int
) -> Collection[str] | None:
    """The packages that mention this one or something that it provides; None if there are too many."""
    name, provides = package
    names = {str(name), *(provided.name for provided in RelationsReader().provides(provides))}
    dependents: set[str] = set()
    query = (
        f"SELECT CASE WHEN length(packages) <= {limit * PACKAGE_MAX} THEN packages END FROM dependents"
        f" WHERE {_PRESENT} AND name IN ({_NAMES})"
    )
    for (packages,) in _by_name(cursor, key, query, names):
        dependents.update(packages.split(",") if packages else ())
        if packages is None or len(dependents) > limit:
            return None
    return dependents - {name}


def _hopeful(cursor: Cursor, key: SectionKey, names: Iterable[str]) -> set[str]:
    """Those of the packages that a pass may make testable: most others wait for something else just as surely."""
    read = RelationsReader()
    needs = {
        name: {clause[0].name for clause in read.clauses(depends) + read.clauses(pre_depends) if _is_plain(clause)}
        for name, depends, pre_depends, listed, state in _by_name(cursor, key, _CLAUSES, names)
        if listed and state not in _FIXED
    }
    times = Counter(needed for name, wanted in needs.items() for needed in wanted if needed != name)
    asked = [needed for needed, _ in times.most_common(_TELLING)]
    pending = {name for name, listed, state in _by_name(cursor, key, _ALONE, asked) if listed and state in _PENDING}
    return {name for name, wanted in needs.items() if pending.isdisjoint(wanted - {name})}


def _is_plain(clause: Sequence[Relation]) -> bool:
    """Whether one name alone will do."""
    return len(clause) == 1 and not clause[0].arch


def _can_change(row: Row) -> bool:
    return row[_LISTED] and row[_STATE] not in _FIXED


def _without_provides(row: Row) -> Row:
    return (*row[:_PROVIDES], "", *row[_PROVIDES + 1 :])


def _mentioned(found: Node) -> set[str]:
    return {wanted.name for clause in found.depends for wanted in clause}


def _providers(cursor: Cursor, key: SectionKey, names: Iterable[str]) -> dict[str, list[str]]:
    query = f"SELECT name, providers FROM dependents WHERE {_PRESENT} AND name IN ({_NAMES}) AND providers != ''"
    return {name: providers.split(",") for name, providers in _by_name(cursor, key, query, names)}


def _nodes(cursor: Cursor, key: SectionKey, names: Iterable[str]) -> list[Row]:
    return sorted(_by_name(cursor, key, _NODES, names), key=itemgetter(0))


def _options(cursor: Cursor, key: SectionKey, names: Iterable[str], mentioned: Collection[str]) -> list[Node]:
    """Packages that others may depend on: what these need, and what else they provide, is not even read."""
    read = RelationsReader()
    return [
        node((*row[:_DEPENDS], "", "", _among(mentioned, row[_PROVIDES]), *row[_PROVIDES + 1 :]), read)
        for row in _nodes(cursor, key, names)
    ]


def _among(names: Collection[str], provides: str) -> str:
    return ",".join(one for one in provides.split(",") if one.partition("=")[0] in names) if provides else ""


def _by_name(cursor: Cursor, key: SectionKey, query: str, names: Iterable[str]) -> Iterator[Row]:
    rest = iter(names)
    while batch := list(islice(rest, _AT_ONCE)):
        size = 1 << (len(batch) - 1).bit_length()  # few sizes, so that few statements are prepared
        batch += batch[-1:] * (size - len(batch))
        parameters = {f"name{number}": name for number, name in enumerate(batch)}
        places = ", ".join(f":{parameter}" for parameter in parameters)
        yield from cursor.execute(query.replace(_NAMES, places), {**key.columns, **parameters}).fetchall()
