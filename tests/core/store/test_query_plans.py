"""A reserve reads what it hands out and nothing else, however large the section is and however much is held."""

from __future__ import annotations

import pytest

from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.store.model import Store
from piufarm.store.sql.candidates import BEST_MARKED, BEST_WAITING, Choice
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
    store.lease(SID, owner="hoarder", count=1000, now=NOON, deadline=NOON + HOUR)
    for name in names[:20]:
        store.record_run(SID, result(name, outcome=Outcome.FAIL))
    store.queue_recycle(SID, map(Package, names[:20]), now=NOON)
    with store._database.write() as cursor:
        cursor.execute("UPDATE package SET retestable = 1 WHERE retest_rank > 0")
    with store._database.write() as cursor:
        cursor.execute("ANALYZE")
    return store


@pytest.mark.parametrize(
    ("query", "index"), [(BEST_WAITING, "package_candidate"), (BEST_MARKED, "package_retest")], ids=["new", "retest"]
)
def test_the_best_candidates_come_straight_from_an_index(
    large: SqlStore, store_kind: str, query: str, index: str
) -> None:
    explain = "EXPLAIN QUERY PLAN" if store_kind == "sqlite" else "EXPLAIN"
    with large._database.read() as cursor:
        parameters = Choice("worker1", NOON, retest=True).parameters(find_section(cursor, SID))
        rows = cursor.execute(f"{explain} {query}", {**parameters, "count": 1}).fetchall()
    plan = "\n".join(str(row[-1]) for row in rows)
    assert index in plan
    assert "SCAN p\n" not in plan
    assert "Seq Scan on package" not in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


def test_what_is_over_is_found_by_its_deadline(large: SqlStore, store_kind: str) -> None:
    explain = "EXPLAIN QUERY PLAN" if store_kind == "sqlite" else "EXPLAIN"
    with large._database.read() as cursor:
        rows = cursor.execute(
            f"{explain} SELECT 1 FROM reservation WHERE section_id = :section_id AND deadline <= :now LIMIT 1",
            {"section_id": find_section(cursor, SID).id, "now": 0},
        ).fetchall()
    assert "reservation_deadline" in "\n".join(str(row[-1]) for row in rows)
