"""States follow the results, one process per section at a time."""

from __future__ import annotations

import time

from piufarm.master.evaluator import bring_up_to_date, evaluate_alone, is_being_evaluated
from piufarm.names import Package
from piufarm.states import PackageState
from tests.core.store.builders import result
from tests.master.office import SID, Office


def _state(office: Office, name: str) -> PackageState:
    row = office.store.package(SID, Package(name))
    assert row is not None
    return row.state


def test_a_result_changes_what_depends_on_it(office: Office) -> None:
    office.fill("a", "b -> a", "c -> b")
    office.store.record_run(SID, result("a"))
    assert _state(office, "b") is PackageState.WAITING_FOR_DEPENDENCY
    assert bring_up_to_date(office.store, SID) == 2  # b can be tested, and nobody waits for a any more
    assert _state(office, "b") is PackageState.WAITING_TO_BE_TESTED
    assert bring_up_to_date(office.store, SID) == 0


def test_only_one_process_evaluates_a_section(office: Office) -> None:
    office.fill("a", "b -> a")
    office.store.record_run(SID, result("a"))
    assert not is_being_evaluated(office.store, SID)
    with office.store.exclusive("evaluate sid"):
        assert is_being_evaluated(office.store, SID)
        assert evaluate_alone(office.store, SID) is None
        assert b"being evaluated" in office.command("evaluate").stdout
    assert not is_being_evaluated(office.store, SID)
    assert evaluate_alone(office.store, SID) == 2


def test_a_session_that_ends_has_its_results_worked_out(office: Office) -> None:
    office.fill("a", "b -> a")
    office.session("section sid\npass a 1\n x\n.\n")
    deadline = time.monotonic() + 30
    while office.store.evaluation_due(SID) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _state(office, "b") is PackageState.WAITING_TO_BE_TESTED


def test_the_command_evaluates_what_is_due(office: Office) -> None:
    office.fill("a", "b -> a")
    office.store.record_run(SID, result("a"))
    assert office.command("evaluate").stdout == b"sid: 2 packages changed\n"
    assert office.command("evaluate").stdout == b""
