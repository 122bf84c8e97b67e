"""What packages depend on, as the debug commands tell it."""

from __future__ import annotations

import pytest

from piufarm.master.session.dependency_queries import Dependencies
from piufarm.names import Package
from piufarm.outcome import Outcome
from tests.core.store.builders import fill, package, result
from tests.master.office import SID, Office


@pytest.fixture
def questions(office: Office) -> Dependencies:
    """About a section in which `virt` is provided by a failure, a pass and an untested package, by name."""
    fill(
        office.store,
        package("user", depends="virt, real, gone | lost"),
        package("real"),
        package("pa", depends="deeper", provides="virt real"),
        package("pb", depends="deepest", provides="virt"),
        package("deeper"),
        package("deepest", depends="pb"),
    )
    for name, outcome in (("pa", Outcome.FAIL), ("real", Outcome.PASS)):
        office.store.record_run(SID, result(name, outcome=outcome))
    office.settle()
    return Dependencies(office.store, SID)


def test_a_virtual_name_leads_to_the_provider_in_the_best_state(questions: Dependencies) -> None:
    assert questions.closure(Package("user")) == ["virt", "real", "gone", "pb", "deepest"]


def test_a_real_package_is_not_taken_for_those_that_provide_its_name(questions: Dependencies) -> None:
    assert questions.closure(Package("real")) == []


def test_a_cycle_is_found_and_what_is_missing_keeps_its_first_name(questions: Dependencies) -> None:
    assert questions.direct(Package("user")) == ["virt", "real", "gone"]
    assert questions.cycle(Package("pb")) == ["deepest", "pb"]
    assert questions.cycle(Package("user")) == []
