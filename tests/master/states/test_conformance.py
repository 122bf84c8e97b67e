"""Situations whose states a farm's users rely on; where two orders are possible, both must give the same."""

from __future__ import annotations

import pytest

from piufarm.states import PackageState
from tests.master.states.worlds import computed, packages, section, states, world

PASSED = PackageState.SUCCESSFULLY_TESTED
FAILED = PackageState.FAILED_TESTING
UNTESTABLE = PackageState.CANNOT_BE_TESTED
READY = PackageState.WAITING_TO_BE_TESTED
WAITS = PackageState.WAITING_FOR_DEPENDENCY
DEP_FAILED = PackageState.DEPENDENCY_FAILED
DEP_UNTESTABLE = PackageState.DEPENDENCY_CANNOT_BE_TESTED
DEP_MISSING = PackageState.DEPENDENCY_DOES_NOT_EXIST
OUTDATED = PackageState.OUTDATED


def _states(*lines: str, **results: str) -> dict[str, PackageState]:
    return states(computed(packages(*lines, **results)))


def test_packages_wait_for_what_they_depend_on() -> None:
    assert _states("base", "mid -> base", "leaf -> mid, base") == {"base": READY, "mid": WAITS, "leaf": WAITS}


def test_an_alternative_that_exists_is_chosen_over_one_that_does_not() -> None:
    assert _states("alt -> nope | base", "base")["alt"] is WAITS


def test_a_missing_dependency_makes_everything_above_untestable() -> None:
    found = _states("a -> nope | nada", "b -> nope", "c -> b", "d -> c")
    assert found == {"a": DEP_MISSING, "b": DEP_MISSING, "c": DEP_UNTESTABLE, "d": DEP_UNTESTABLE}


def test_a_virtual_package_waits_for_its_providers() -> None:
    assert _states("pa (virt)", "pb (virt)", "u -> virt")["u"] is WAITS


def test_the_members_of_a_cycle_are_tested_together() -> None:
    found = _states("cyca -> cycb", "cycb -> cyca", "cycuser -> cyca")
    assert found == {"cyca": READY, "cycb": READY, "cycuser": WAITS}


def test_a_member_of_a_cycle_still_waits_for_what_lies_outside_it() -> None:
    found = _states("mid", "x -> y, mid", "y -> x")
    assert found == {"mid": READY, "x": WAITS, "y": READY}


def test_foreign_and_ignored_dependencies_are_good() -> None:
    assert _states("p -> ia32-libs-i386", "q -> kbdcontrol") == {"p": READY, "q": READY}


def test_a_pass_stands_even_if_a_dependency_has_failed_since() -> None:
    found = _states("d", "u -> d", "w -> u", passed="u", failed="d")
    assert found == {"d": FAILED, "u": PASSED, "w": READY}


def test_a_pass_says_nothing_once_a_dependency_is_gone() -> None:
    assert _states("u -> gone", passed="u") == {"u": DEP_MISSING}


def test_a_pass_stands_if_an_alternative_of_a_gone_dependency_exists() -> None:
    assert _states("u -> gone | dd", "dd", passed="u")["u"] is PASSED


@pytest.mark.parametrize(("passed", "state"), [("", WAITS), ("dd", READY)])
def test_an_untested_alternative_is_chosen_over_a_failed_one(passed: str, state: PackageState) -> None:
    assert _states("ff", "dd", "u -> ff | dd", failed="ff", passed=passed)["u"] is state


def test_a_foreign_alternative_is_chosen_over_a_failed_one() -> None:
    assert _states("ff", "u -> ff | ia32-libs-i386", failed="ff")["u"] is READY


def test_a_foreign_alternative_is_not_chosen_as_long_as_there_is_a_better_one() -> None:
    assert _states("dd", "u -> ia32-libs-i386 | dd")["u"] is WAITS
    assert _states("dd", "u -> libc6:i386 | dd", failed="dd")["u"] is READY
    assert _states("dd", "u -> libc6:i386, dd:any", passed="dd")["u"] is READY


def test_the_first_error_in_the_order_of_the_field_decides() -> None:
    assert _states("ff", "u -> ff, gone", failed="ff")["u"] is DEP_FAILED
    assert _states("ff", "u -> gone, ff", failed="ff")["u"] is DEP_MISSING


@pytest.mark.parametrize("lines", [("u -> virt", "pa (virt)", "pb (virt)"), ("pa (virt)", "pb (virt)", "u -> virt")])
def test_an_undecided_provider_gives_hope_whatever_the_order(lines: tuple[str, ...]) -> None:
    assert _states(*lines, failed="pa")["u"] is WAITS


@pytest.mark.parametrize(
    ("state", "follows"),
    [
        (PASSED, READY),
        (FAILED, DEP_FAILED),
        (READY, WAITS),
        (PackageState.UNKNOWN, WAITS),
        (DEP_MISSING, DEP_UNTESTABLE),
    ],
)
def test_a_package_that_another_section_has_newer_is_outdated_and_stands_for_that_one(
    state: PackageState, follows: PackageState
) -> None:
    found = states(world("base=0.5", "newlib -> base", others=[section("one", f"base=1: {state}")]))
    assert found == {"base": OUTDATED, "newlib": follows}


def test_results_that_are_asked_for_again_can_be_had_at_once() -> None:
    found = world("ff", "gg", passed="ff", failed="gg", recycled="ff gg")
    assert [found[name].retestable for name in ("ff", "gg")] == [True, True]
    assert states(found) == {"ff": PASSED, "gg": FAILED}  # until the new results come in


# -- and what follows from the rules


def test_a_dependency_that_cannot_be_tested_keeps_its_name_further_up() -> None:
    found = _states("bad", "one -> bad", "two -> one", untestable="bad")
    assert found == {"bad": UNTESTABLE, "one": DEP_UNTESTABLE, "two": DEP_UNTESTABLE}


def test_a_failure_goes_up_through_a_cycle() -> None:
    found = _states("ff", "x -> y", "y -> x, ff", "z -> x", failed="ff")
    assert found == {"ff": FAILED, "x": DEP_FAILED, "y": DEP_FAILED, "z": DEP_FAILED}


def test_the_rest_of_a_cycle_can_be_tested_when_a_member_has_passed() -> None:
    assert _states("cyca -> cycb", "cycb -> cyca", passed="cyca") == {"cyca": PASSED, "cycb": READY}


def test_a_tested_alternative_is_chosen_over_an_untested_one() -> None:
    assert _states("new", "old", "u -> new | old", passed="old")["u"] is READY


def test_a_tested_provider_is_enough() -> None:
    assert _states("pa (virt)", "pb (virt)", "u -> virt", failed="pa", passed="pb")["u"] is READY


def test_when_all_providers_are_in_error_the_least_grave_speaks() -> None:
    assert _states("pa (virt)", "pb (virt)", "u -> virt", untestable="pa", failed="pb")["u"] is DEP_FAILED


def test_of_failed_alternatives_the_first_that_exists_decides() -> None:
    assert _states("fa", "ub", "u -> gone | ub | fa", failed="fa", untestable="ub")["u"] is DEP_UNTESTABLE


def test_a_package_that_provides_its_own_dependency_needs_nobody() -> None:
    assert _states("self (virt) -> virt, self") == {"self": READY}


def test_what_lies_outside_the_section_is_good_unless_it_failed_here() -> None:
    found = _states("hello -> libc6", "libc6 -> unheard-of", "sorry -> bad", "bad", outside="libc6 bad", failed="bad")
    assert found["hello"] is READY
    assert found["sorry"] is DEP_FAILED


def test_what_exists_nowhere_is_missing_even_with_globs() -> None:
    assert _states("hello -> gone")["hello"] is DEP_MISSING
