"""What is to be tested again can be handed out as soon as everything that it needs is good."""

from __future__ import annotations

from piufarm.states import PackageState
from tests.master.states.worlds import computed, packages, section, world


def _retestable(*lines: str, **results: str) -> set[str]:
    return {name for name, one in computed(packages(*lines, **results)).items() if one.retestable}


def test_a_retest_waits_for_dependencies_that_are_not_good() -> None:
    assert _retestable("a", "u -> a", passed="u", recycled="u") == set()
    assert _retestable("a", "u -> a", passed="u", failed="a", recycled="u") == set()
    assert _retestable("a", "u -> a", passed="a", failed="u", recycled="u") == {"u"}


def test_a_pass_that_is_to_be_confirmed_is_good_meanwhile() -> None:
    assert _retestable("a", "u -> a", passed="a u", recycled="a u") == {"a", "u"}


def test_a_failure_is_repeated_before_what_depends_on_it() -> None:
    assert _retestable("a", "u -> a", failed="a u", recycled="a u") == {"a"}


def test_failures_of_a_cycle_are_repeated_together() -> None:
    assert _retestable("a -> b", "b -> a", failed="a b", recycled="a b") == {"a", "b"}
    assert _retestable("a -> b", "b -> a", failed="a", recycled="a") == {"a"}


def test_a_mark_without_a_result_changes_nothing() -> None:
    found = world("a", "u -> a", recycled="a u")
    assert found["a"].state is PackageState.WAITING_TO_BE_TESTED
    assert (found["a"].retestable, found["u"].retestable) == (True, False)


def test_nothing_that_is_outdated_or_outside_is_tested_again() -> None:
    found = world("a", "b", passed="a", failed="b", outside="b", recycled="a b", others=[section("one", "a=2")])
    assert not any(one.retestable for one in found.values())


def test_the_order_of_retests_counts_what_they_would_set_free() -> None:
    found = world("a", "u -> a", "w -> u", failed="a", recycled="a")
    assert (found["a"].chain, found["a"].waiting, found["a"].blocked) == (3, 2, 2)
    found = world("a", "u -> a", passed="a", recycled="a")
    assert (found["a"].chain, found["a"].waiting) == (2, 1)
