"""What a result may change at once: the packages that depend on its own, and all that these can depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

from piufarm.names import Package, SectionName
from piufarm.states import CHANGEABLE, WAITING, PackageState
from piufarm.store.evaluations import Neighbourhood
from piufarm.store.model import ComputedState, Node, Relation
from piufarm.store.relations_text import Clause, RelationsReader
from piufarm.store.sql.database import Cursor, Row
from piufarm.store.sql.rows import NO_SECTION, SectionKey, numbers

_AT_ONCE: Final = 256  # names a query
_ENDS: Final = ("", "<", "=", ">")  # what may follow a name that needs no architecture, see relations_text
_TELLING: Final = 32  # packages that many others need: most of these wait for one of them, if for anything
_NAMES: Final = "{names}"  # stands for what Cursor.among says
_HEAD: Final = """
    SELECT s.id, s.generation, s.counter, EXISTS (SELECT 1 FROM looks_into AS l WHERE l.section_id = s.id),
        p.provides, d.packages
    FROM section AS s
        JOIN package AS p ON p.section_id = s.id AND p.generation = s.generation AND p.name = :package
        LEFT JOIN dependents AS d ON d.section_id = s.id AND d.generation = s.generation AND d.name = p.name
    WHERE s.name = :section
"""
_THESE: Final = f"p.section_id = :section_id AND p.generation = :generation AND p.name {_NAMES}"
# conditions on columns other than the name are left to us: an index of these would lead to half of all packages
_USERS: Final = f"""
    SELECT p.listed, p.state,
        CASE WHEN NOT EXISTS (SELECT 1 FROM dependents AS d WHERE d.section_id = :section_id
            AND d.generation = :generation AND d.name = p.blocker AND d.providers != '')
        THEN (SELECT b.state FROM package AS b WHERE b.section_id = :section_id AND b.generation = :generation
            AND b.name = p.blocker) END,
        p.name, p.depends, p.pre_depends, p.provides, p.version, p.test_version, p.state, p.reason, p.chain, p.waiting,
        p.blocked, p.chosen, p.retestable, p.blocker
    FROM package AS p WHERE {_THESE}
"""
_OPTIONS: Final = f"""
    SELECT p.name, p.provides, p.version, p.test_version, p.listed, p.state, p.chosen
    FROM package AS p WHERE {_THESE}
"""
_ALONE: Final = f"""
    SELECT p.listed, p.state, p.name FROM package AS p WHERE {_THESE}
        AND NOT EXISTS (SELECT 1 FROM dependents AS d WHERE d.section_id = :section_id
            AND d.generation = :generation AND d.name = p.name AND d.providers != '')
"""
_DEPENDENTS: Final = f"SELECT p.packages FROM dependents AS p WHERE {_THESE} AND p.packages != ''"
_PROVIDERS: Final = f"SELECT p.name, p.providers FROM dependents AS p WHERE {_THESE} AND p.providers != ''"


class _Place(NamedTuple):
    """The package with the result, in its section."""

    key: SectionKey
    package: Package
    provides: str
    users: str  # of its own name
    alone: bool  # see Neighbourhood


class _User(NamedTuple):
    name: str
    clauses: tuple[Clause, ...]
    rest: Row


def neighbourhood(
    cursor: Cursor, section: SectionName, package: Package, limit: int, *, passed: bool
) -> Neighbourhood | None:
    """See Store.neighbourhood."""
    read = RelationsReader()
    place = _find(cursor, section, package)
    names = _dependents(cursor, place, read)
    if len(names) > limit:
        return None
    users = _users(cursor, place.key, names, read, passed=passed)
    if not users:
        return Neighbourhood(place.key.generation, place.key.counter, [], [], place.alone)
    return _neighbourhood(cursor, place, users, read)


def _find(cursor: Cursor, section: SectionName, package: Package) -> _Place:
    """A place without dependents if the package is not in the present snapshot."""
    row = cursor.execute(_HEAD, {"section": section, "package": package}).fetchone()
    if row is None:
        return _Place(NO_SECTION, package, "", "", alone=True)
    *numbers_of_section, looks_elsewhere, provides, users = row
    return _Place(SectionKey(*numbers_of_section), package, provides, users or "", not looks_elsewhere)


def _dependents(cursor: Cursor, place: _Place, read: RelationsReader) -> Sequence[str]:
    """The packages that mention this one or something that it provides."""
    found = [place.users] if place.users else []
    if place.provides:
        names = {provided.name for provided in read.provides(place.provides)}
        found += [users for (users,) in _by_name(cursor, place.key, _DEPENDENTS, names)]
    return sorted({name for users in found for name in users.split(",")} - {place.package})


def _users(
    cursor: Cursor, key: SectionKey, names: Sequence[str], read: RelationsReader, *, passed: bool
) -> Sequence[_User]:
    """Those of the dependents that a result may change; after a pass, those that may be testable now."""
    found = []
    for state_of_blocker, name, depends, pre_depends, *rest in _listed(
        _by_name(cursor, key, _USERS, names), CHANGEABLE
    ):
        if passed and state_of_blocker in WAITING and _is_needed(rest[-1], depends, pre_depends):
            continue
        found.append(_User(name, read.clauses(depends) + read.clauses(pre_depends), tuple(rest)))
    return _hopeful(cursor, key, found) if passed and found else found


def _is_needed(name: str, *fields: str) -> bool:
    """Whether nothing else will do in some clause of these, without reading them all."""
    return any(
        clause.startswith(name) and clause[len(name) : len(name) + 1] in _ENDS and "|" not in clause
        for field in fields
        for clause in field.split(",")
    )


def _neighbourhood(cursor: Cursor, place: _Place, users: Sequence[_User], read: RelationsReader) -> Neighbourhood:
    key = place.key
    mentioned = {name for user in users for name in _mentioned(user.clauses)}
    dependents = sorted((_dependent(user, read, mentioned) for user in users), key=attrgetter("name"))
    providers = {name: texts.split(",") for name, texts in _by_name(cursor, key, _PROVIDERS, mentioned)}
    among = {user.name for user in users}
    wanted = mentioned.union(*providers.values()) - among
    rows = _by_name(cursor, key, _OPTIONS, wanted)
    options = sorted((_option(row, read, mentioned) for row in rows), key=attrgetter("name"))
    if not place.alone:
        elsewhere = {node.name for node in options if node.stored.state is PackageState.OUTDATED}
        elsewhere |= mentioned - {node.name for node in options} - among - providers.keys()
        dependents = [node for node in dependents if elsewhere.isdisjoint(_mentioned(node.depends))]
    return Neighbourhood(key.generation, key.counter, dependents, options, place.alone)


def _listed(rows: Iterable[Row], states: Collection[str]) -> Iterator[Row]:
    """Without the first two columns, which are looked at here."""
    return (tuple(row) for listed, state, *row in rows if listed and state in states)


def _mentioned(clauses: Iterable[Clause]) -> set[str]:
    return {wanted.name for clause in clauses for wanted in clause}


def _hopeful(cursor: Cursor, key: SectionKey, users: Sequence[_User]) -> Sequence[_User]:
    """Those that need none of the packages that most others need, too, and that are as pending as ever."""
    needs = [{clause[0].name for clause in user.clauses if _is_plain(clause)} - {user.name} for user in users]
    times = Counter(name for names in needs for name in names)
    asked = [name for name, _ in times.most_common(_TELLING)]
    pending = {name for (name,) in _listed(_by_name(cursor, key, _ALONE, asked), WAITING)}
    return [user for user, names in zip(users, needs, strict=True) if pending.isdisjoint(names)]


def _is_plain(clause: Sequence[Relation]) -> bool:
    """Whether one name alone will do."""
    return len(clause) == 1 and not clause[0].arch


def _dependent(user: _User, read: RelationsReader, mentioned: Collection[str]) -> Node:
    provides, archive_version, version, state, reason, chain, waiting, blocked, chosen, retestable, blocker = user.rest
    computed = PackageState(state), reason, chain, waiting, blocked, numbers(chosen), bool(retestable), blocker
    stored = ComputedState(*computed)
    provided = read.provides(_among(mentioned, provides))
    return Node(user.name, version, True, user.clauses, provided, None, stored, archive_version)


def _option(row: Row, read: RelationsReader, mentioned: Collection[str]) -> Node:
    """A package that others may depend on: what it needs, and what else it provides, is not even looked at."""
    name, provides, archive_version, version, listed, state, chosen = row
    stored = ComputedState(PackageState(state), "", chosen=numbers(chosen))
    provided = read.provides(_among(mentioned, provides))
    return Node(name, version, bool(listed), (), provided, None, stored, archive_version)


def _among(names: Collection[str], provides: str) -> str:
    return ",".join(one for one in provides.split(",") if one.partition("=")[0] in names) if provides else ""


def _by_name(cursor: Cursor, key: SectionKey, query: str, names: Iterable[str]) -> Iterator[Row]:
    rest = iter(names)
    while batch := list(islice(rest, _AT_ONCE)):
        among, parameters = cursor.among(batch)
        yield from cursor.execute(query.replace(_NAMES, among), {**key.columns, **parameters}).fetchall()
