"""States follow the results, one process per section at a time."""

from __future__ import annotations

import fcntl
import time
from functools import partial
from typing import Final

from piufarm.master.evaluator import (
    SectionStates,
    bring_up_to_date,
    evaluate_alone,
    is_being_evaluated,
    start_evaluator,
)
from piufarm.master.states.evaluation import evaluate
from piufarm.names import Package
from piufarm.outcome import Outcome
from piufarm.run import DEVNULL, spawn
from piufarm.states import PackageState
from tests.core.store.builders import NOON, result
from tests.master.office import SID, Office
from tests.support.clone import PIUFARM
from tests.support.stores import on_both_stores
from tests.support.wait import wait_until

READY: Final = PackageState.WAITING_TO_BE_TESTED


def _state(office: Office, name: str) -> PackageState:
    row = office.store.package(SID, Package(name))
    assert row is not None
    return row.state


def _is_ready(office: Office, name: str) -> bool:
    return _state(office, name) is READY


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


def test_one_evaluator_is_started_however_many_sessions_ask_at_once(office: Office) -> None:
    office.fill("a", "b -> a")
    office.store.record_run(SID, result("a"))
    errors, lock = office.directory / "errors", office.directory / "lock"
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as by one that has been started and has not got to work yet
        start_evaluator(SID, config=office.config, errors=errors, lock=lock)
        assert not errors.exists()
    start_evaluator(SID, config=office.config, errors=errors, lock=lock)
    wait_until(lambda: not office.store.evaluation_due(SID), "the states to be up to date")


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


@on_both_stores
def test_a_slave_is_not_sent_away_while_what_its_own_result_brings_is_being_worked_out(office: Office) -> None:
    office.fill("hub", "user1 -> user2, hub", "user2 -> user1")  # a cycle, which a session does not look for
    answers = office.session("section sid\nreserve\npass hub 1\n x\n.\nreserve\n").stdout.decode().splitlines()
    assert answers[2] == "ok hub 1"
    assert answers[-1].startswith("ok user")


def test_an_evaluator_that_stays_works_later_results_out_and_then_ends(office: Office) -> None:
    office.fill("a", "b -> a", "c -> b")
    office.store.record_run(SID, result("a"))
    evaluator = spawn(
        [PIUFARM, "master", "evaluate", "--config", office.config, "--linger", "60", "sid"], stdout=DEVNULL
    )
    for name, user in (("a", "b"), ("b", "c")):
        office.store.record_run(SID, result(name))
        wait_until(partial(_is_ready, office, user), f"a state of {user}")
    assert evaluator.wait(60) == 0


def test_states_that_were_kept_are_those_of_a_computation_from_scratch(office: Office) -> None:
    office.fill("a", "b -> a", "c -> b | x", "x", "y -> x, a", "z -> y")
    kept = SectionStates(office.store, SID)
    for name, outcome in (("a", Outcome.PASS), ("x", Outcome.FAIL), ("b", Outcome.FAIL), ("x", Outcome.PASS)):
        office.store.reserve(SID, owner=None, now=NOON, deadline=NOON)
        office.store.record_run(SID, result(name, outcome=outcome, slave=None))
        kept.bring_up_to_date()
        assert evaluate(office.store.snapshot(SID)) == {}
