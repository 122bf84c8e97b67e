"""What depends directly on a package takes account of its result before the `ok`; the evaluator does the rest."""

from __future__ import annotations

from piufarm.master.results.consequences import DEPENDENTS_MAX, follow_up
from piufarm.names import Package
from piufarm.states import PackageState
from tests.core.store.builders import result
from tests.master.office import SID, Office
from tests.support.stores import on_both_stores


def _state(office: Office, name: str) -> PackageState:
    row = office.store.package(SID, Package(name))
    assert row is not None
    return row.state


@on_both_stores
def test_a_package_can_be_handed_out_as_soon_as_its_last_dependency_has_passed(office: Office) -> None:
    office.fill("a", "b", "c -> a, b", "d -> c")
    lines = office.converse("section sid\npass a 1\n x\n.\n_state c\npass b 1\n x\n.\n_state c\n_state d\n")
    assert [line for line in lines if line.startswith("ok ")] == [
        "ok waiting-for-dependency-to-be-tested 1",
        "ok waiting-to-be-tested 1",
        "ok waiting-for-dependency-to-be-tested 1",
    ]


def test_an_overloaded_machine_takes_results_in_first_and_what_follows_is_there_before_the_next_answer(
    office: Office,
) -> None:
    office.fill("a", "b", "c -> a, b", "d -> b")
    lines = office.converse("section sid\npass a 1\n x\n.\npass b 1\n x\n.\n_state c\n", overloaded=True)
    assert lines[-1] == "ok waiting-to-be-tested 1"
    assert _state(office, "d") is PackageState.WAITING_TO_BE_TESTED


def test_an_overloaded_machine_works_out_what_follows_from_the_last_results_when_the_slave_leaves(
    office: Office,
) -> None:
    office.fill("a", "b -> a")
    assert office.converse("section sid\npass a 1\n x\n.\n", overloaded=True)[-1] == "ok"
    assert _state(office, "b") is PackageState.WAITING_TO_BE_TESTED


@on_both_stores
def test_a_failure_shows_at_what_depends_on_it_and_a_later_pass_takes_that_back(office: Office) -> None:
    office.fill("a", "b -> a | other", "c -> a")
    office.converse("section sid\nfail a 1\n x\n.\n")
    assert _state(office, "b") is PackageState.DEPENDENCY_FAILED
    assert _state(office, "c") is PackageState.DEPENDENCY_FAILED


def test_the_evaluation_finds_nothing_else(office: Office) -> None:
    office.fill("a", "b -> a", "c -> a")
    office.store.record_run(SID, result("a"))
    assert follow_up(office.store, SID, Package("a")) == 2
    before = {row.name: row.state for row in office.store.packages(SID)}
    assert office.command("evaluate").status == 0
    assert {row.name: row.state for row in office.store.packages(SID)} == before


@on_both_stores
def test_up_to_the_limit_all_that_depend_on_a_package_follow_at_once(office: Office) -> None:
    office.fill("a", *(f"p{number} -> a" for number in range(DEPENDENTS_MAX)))
    office.converse("section sid\npass a 1\n x\n.\n")
    assert {_state(office, f"p{number}") for number in range(DEPENDENTS_MAX)} == {PackageState.WAITING_TO_BE_TESTED}


def test_what_too_many_depend_on_is_left_to_the_evaluator(office: Office) -> None:
    office.fill("libc6", *(f"p{number} -> libc6" for number in range(DEPENDENTS_MAX + 1)))
    office.store.record_run(SID, result("libc6"))
    assert follow_up(office.store, SID, Package("libc6")) == 0
    assert _state(office, "p1") is PackageState.WAITING_FOR_DEPENDENCY
    assert office.store.evaluation_due(SID)


def test_an_evaluation_that_began_before_the_result_does_not_undo_it(office: Office) -> None:
    office.fill("a", "b -> a")
    earlier = office.store.snapshot(SID)
    stored = {Package(node.name): node.stored for node in earlier.nodes}
    office.store.record_run(SID, result("a"))
    follow_up(office.store, SID, Package("a"))
    office.store.set_states(SID, stored, evaluated=earlier)
    assert _state(office, "a") is PackageState.SUCCESSFULLY_TESTED
    assert _state(office, "b") is PackageState.WAITING_TO_BE_TESTED
    assert office.store.evaluation_due(SID)
