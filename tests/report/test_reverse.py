"""Who depends on whom, as the pages tell it."""

from __future__ import annotations

import pytest

from piufarm.names import Package
from piufarm.report.reverse import followed, reverse_edges
from piufarm.states import PackageState
from piufarm.store.model import Dependency, Relation

PA, PB, USER, VIRT = map(Package, ("pa", "pb", "user", "virt"))
PROVIDERS = {VIRT: [PA, PB]}
CLAUSE = Dependency((Relation(VIRT),), chosen=VIRT)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("failed-testing", "successfully-tested", PB),
        ("failed-testing", "waiting-to-be-tested", PB),
        ("waiting-to-be-tested", "successfully-tested", PB),
        ("waiting-to-be-tested", "waiting-for-dependency-to-be-tested", PA),
        ("failed-testing", "cannot-be-tested", PA),
    ],
)
def test_a_virtual_name_leads_to_the_provider_in_the_best_state(first: str, second: str, expected: Package) -> None:
    states = {PA: PackageState(first), PB: PackageState(second), USER: PackageState.UNKNOWN}
    assert followed(CLAUSE, states, PROVIDERS) == expected
    assert reverse_edges({USER: [CLAUSE]}, states, PROVIDERS) == {expected: [USER]}


def test_what_nothing_satisfies_leads_nowhere() -> None:
    assert followed(Dependency((Relation(Package("gone")),)), {PA: PackageState.UNKNOWN}, PROVIDERS) is None
