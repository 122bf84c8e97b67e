"""A reserve reads what it hands out and nothing else, however large the section is and however much is held."""

from __future__ import annotations

import pytest

from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.store.model import Store
from piufarm.store.sql.candidates import BEST_MARKED, BEST_WAITING, Choice
from piufarm.store.sql.database import Parameters
from piufarm.store.sql.reservations import HOLDS_UNTIL
from piufarm.store.sql.rows import find_section
from piufarm.store.sql.store import SqlStore
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result

_PACKAGES = 3000


@pytest.fixture
def large(store: Store) -> SqlStore:
    """A section in which most packages wait, many are held and some are marked to be tested again."""
    assert isinstance(store, SqlStore)
    names = [f"p{number:04}" for number in range(_PACKAGES)]
    fill(store, *map(package, names))
    make_candidates(store, **{name: number % 7 for number, name in enumerate(names)})
    for number in range(20):
        store.lease(SID, owner=f"hoarder{number}", count=50, now=NOON, deadline=NOON + HOUR)
    for name in names[:20]:
        store.record_run(SID, result(name, outcome=Outcome.FAIL))
    store.queue_recycle(SID, map(Package, names[:20]), now=NOON)
    with store._database.write() as cursor:
        cursor.execute("UPDATE package SET retestable = 1 WHERE retest_rank > 0")
    with store._database.write() as cursor:
        cursor.execute("ANALYZE")
    return store


def _plan(store: SqlStore, kind: str, query: str, parameters: Parameters) -> str:
    with store._database.read() as cursor:
        explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
        return "\n".join(str(row[-1]) for row in cursor.execute(f"{explain} {query}", parameters).fetchall())


def test_candidates_and_what_is_over_come_straight_from_an_index(large: SqlStore, store_kind: str) -> None:
    with large._database.read() as cursor:
        key = find_section(cursor, SID)
    parameters = {**Choice("worker1", NOON, retest=True).parameters(key), "count": 1}
    for query, index in ((BEST_WAITING, "package_candidate"), (BEST_MARKED, "package_retest")):
        plan = _plan(large, store_kind, query, parameters)
        assert index in plan
        assert not any(words in plan for words in ("SCAN p\n", "Seq Scan on package", "Sort", "TEMP B-TREE")), plan
    over = "SELECT 1 FROM reservation WHERE section_id = :section_id AND deadline <= :now LIMIT 1"
    assert "reservation_deadline" in _plan(large, store_kind, over, {"section_id": key.id, "now": 0})
    mine = {"section_id": key.id, "owner": "worker1"}
    assert "reservation_of_owner" in _plan(large, store_kind, HOLDS_UNTIL, mine)
