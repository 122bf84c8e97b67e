"""Which packages can be handed out now, the best first, and which of them this slave should leave to another one.

A row of a package says so itself (`free`, `retest_rank`), so that those who are held are in nobody's way.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from piufarm.names import SectionName
from piufarm.store.attempts import ACTIVE_SECONDS
from piufarm.store.sql.database import Cursor, Parameters
from piufarm.store.sql.rows import SectionKey, micros

_HERE: Final = "p.section_id = :section_id AND p.generation = :generation"
# the literals are those of the partial indexes package_candidate and package_retest
_WAITING: Final = f"{_HERE} AND p.state = 'waiting-to-be-tested' AND p.listed = 1 AND p.free = 1"
_MARKED: Final = f"{_HERE} AND p.retestable = 1 AND p.retest_rank > 0 AND p.listed = 1 AND p.free = 1"
# Who had trouble with a package gets others first, and leaves it for an hour to slaves that had not, if one is about.
_TROUBLE: Final = """
    EXISTS (SELECT 1 FROM trouble AS mine WHERE mine.section_id = p.section_id AND mine.package = p.name
        AND mine.version = p.test_version AND mine.slave = :owner AND mine.counted = 1{})
"""
_HAD_TROUBLE: Final = _TROUBLE.format("")
_HAD_IT_LATELY: Final = _TROUBLE.format(" AND mine.noted_at > :lately")
_IS_FOR_ANOTHER: Final = """
    EXISTS (SELECT 1 FROM contact AS c WHERE c.section_id = p.section_id AND c.last_seen > :lately
        AND c.slave <> :owner
        AND NOT EXISTS (SELECT 1 FROM slave AS s WHERE s.name = c.slave AND s.drained_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM trouble AS theirs WHERE theirs.section_id = p.section_id
            AND theirs.package = p.name AND theirs.version = p.test_version AND theirs.slave = c.slave
            AND theirs.counted = 1))
"""
_FIRST: Final = f"NOT {_HAD_TROUBLE}"
_ELSE: Final = f"{_HAD_TROUBLE} AND NOT ({_HAD_IT_LATELY} AND {_IS_FOR_ANOTHER})"
_SAME: Final = (
    "p.section_id = {table}.section_id AND p.generation = :generation AND p.name = {table}.package"
    " AND p.test_version = {table}.version"
)
# a CROSS JOIN, which SQLite keeps in this order: few are held, and packages are many
_HELD: Final = (
    "SELECT p.id FROM {table} CROSS JOIN package AS p WHERE {table}.section_id = :section_id AND " + _SAME
)
_COLUMNS: Final = "p.id, p.name, p.test_version, p.weight, p.retest_rank"
_BEST_WAITING: Final = f"""
SELECT {_COLUMNS}, 0 FROM package AS p WHERE {_WAITING} AND {{}} ORDER BY p.weight DESC, p.tie LIMIT :count
"""
_BEST_MARKED: Final = f"""
SELECT {_COLUMNS}, 1 FROM package AS p WHERE {_MARKED} AND {{}} ORDER BY p.weight DESC, p.retest_rank LIMIT :count
"""
BEST_WAITING: Final = _BEST_WAITING.format(_FIRST)
BEST_MARKED: Final = _BEST_MARKED.format(_FIRST)
_QUERIES: Final = ((BEST_WAITING, BEST_MARKED), (_BEST_WAITING.format(_ELSE), _BEST_MARKED.format(_ELSE)))


class Candidate(NamedTuple):
    """A package that can be handed out; `rank` is 0 unless it is marked, `is_retest` 1 if it is one by that."""

    id: int
    package: str
    version: str
    weight: int
    rank: int
    is_retest: int


class Choice(NamedTuple):
    """For whom candidates are looked up, and among which packages."""

    owner: str | None
    now: datetime
    retest: bool  # packages that are marked to be tested again, too

    def parameters(self, key: SectionKey) -> Parameters:
        """Of the queries above."""
        lately = micros(self.now - timedelta(seconds=ACTIVE_SECONDS))
        return {**key.columns, "owner": self.owner, "lately": lately}


def best(cursor: Cursor, key: SectionKey, choice: Choice, count: int, *, lock: str = "") -> list[Candidate]:
    """The best candidates.

    Between equals, packages that have never been tested come before marked ones, of these failures before passes, then
    what was marked first.
    """
    parameters = {**choice.parameters(key), "count": count}
    for waiting, marked in _QUERIES:
        found = [Candidate(*row) for row in cursor.execute(f"{waiting} {lock}", parameters).fetchall()]
        if choice.retest:
            again = [Candidate(*row) for row in cursor.execute(f"{marked} {lock}", parameters).fetchall()]
            names = {one.package for one in again}
            found = sorted([one for one in found if one.package not in names] + again, key=_order)
        if found:
            return found[:count]
    return []


def _order(one: Candidate) -> tuple[int, int]:
    return -one.weight, one.rank if one.is_retest else 0


def are_any_free(cursor: Cursor, section: SectionName, *, retest: bool) -> bool:
    """Whether there is anything to hand out to anybody."""
    kinds = (_WAITING, _MARKED) if retest else (_WAITING,)
    # ordered as the index is, which a planner that expects to find something anywhere would not use otherwise
    first = "(SELECT 1 FROM package AS p WHERE {} ORDER BY p.weight DESC LIMIT 1) IS NOT NULL"
    free = " OR ".join(first.format(kind) for kind in kinds)
    free = free.replace(":section_id", "s.id").replace(":generation", "s.generation")
    row = cursor.execute(f"SELECT {free} FROM section AS s WHERE s.name = :name", {"name": section}).fetchone()
    return row is not None and bool(row[0])


def number(cursor: Cursor, key: SectionKey, choice: Choice, *, at_most: int) -> int:
    """How many packages are free, counted no further than `at_most`."""
    kinds = (_WAITING, _MARKED) if choice.retest else (_WAITING,)
    total = 0
    for kind in kinds:
        (count,) = cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM package AS p WHERE {kind} LIMIT :at_most) AS found",
            {**key.columns, "at_most": at_most},
        ).fetchone()
        total += count
    return min(total, at_most)


def update_all(cursor: Cursor, section_id: int, generation: int) -> None:
    """Let the packages of a snapshot that is about to become the present one know; forget what is about other versions.

    Reservations of versions that are not tested any more end with their deadline or their result.
    """
    what = {"section_id": section_id, "generation": generation}
    for table in ("hold", "recycle", "lapsed"):
        cursor.execute(
            f"DELETE FROM {table} WHERE section_id = :section_id"
            f" AND NOT EXISTS (SELECT 1 FROM package AS p WHERE {_SAME.format(table=table)})",
            what,
        )
    for table in ("reservation", "hold"):
        cursor.execute(f"UPDATE package SET free = 0 WHERE id IN ({_HELD.format(table=table)})", what)
    cursor.execute(
        f"""
        UPDATE package SET retest_rank = (SELECT rank FROM recycle WHERE recycle.section_id = package.section_id
            AND recycle.package = package.name AND recycle.version = package.test_version)
        WHERE id IN ({_HELD.format(table="recycle")})
        """,
        what,
    )
