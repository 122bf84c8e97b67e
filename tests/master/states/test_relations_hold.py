"""Versions decide which packages satisfy a dependency."""

from __future__ import annotations

import pytest

from piufarm.outcome import Outcome
from piufarm.states import PackageState
from tests.master.states.worlds import computed, node, section, states, world

PASSED = PackageState.SUCCESSFULLY_TESTED
READY = PackageState.WAITING_TO_BE_TESTED
WAITS = PackageState.WAITING_FOR_DEPENDENCY
MISSING = PackageState.DEPENDENCY_DOES_NOT_EXIST


@pytest.mark.parametrize(
    ("wanted", "there", "holds"),
    [
        ("<< 2", "1", True), ("<< 2", "2~rc1", True), ("<< 2", "2", False),
        ("<= 2", "2", True), ("<= 2", "2+b1", False),
        ("= 2", "2", True), ("= 2", "2.0", False), ("= 1:2", "2", False), ("= 2-0", "2", True),
        (">= 2", "10", True), (">= 2", "1:0", True), (">= 2", "2~", False),
        (">> 2", "2+b1", True), (">> 2", "2", False),
    ],
)  # fmt: skip
def test_versions_are_compared_as_dpkg_does(wanted: str, there: str, holds: bool) -> None:
    assert states(world(f"lib={there}", f"u -> lib ({wanted})"))["u"] is (WAITS if holds else MISSING)


def test_of_alternatives_the_first_in_a_fitting_version_is_chosen() -> None:
    found = world("old=1", "new=2", "u -> old (>= 2) | new (>= 2)", passed="old")
    assert found["u"].state is WAITS
    assert found["u"].chosen == (1,)


def test_an_unversioned_provide_satisfies_no_versioned_dependency() -> None:
    assert states(world("p=3 (virt)", "u -> virt (>= 1)"))["u"] is MISSING
    assert states(world("p=3 (virt)", "u -> virt"))["u"] is WAITS


def test_the_version_of_a_provide_counts_and_not_that_of_its_package() -> None:
    assert states(world("p=3 (virt (= 1))", "u -> virt (>= 2)"))["u"] is MISSING
    assert states(world("p=1 (virt (= 2))", "u -> virt (>= 2)"))["u"] is WAITS


def test_a_provider_in_a_fitting_version_stands_in_for_a_package_in_a_wrong_one() -> None:
    found = world("real=1", "p (real (= 2))", "u -> real (>= 2)", passed="p")
    assert found["u"].state is READY


def test_a_package_may_provide_its_own_name_in_another_version() -> None:
    assert states(world("real=9 (real (= 2))", "u -> real (<< 3)"))["u"] is WAITS
    assert states(world("real=9 (real)", "u -> real (<< 3)"))["u"] is MISSING


def test_a_pass_says_nothing_once_a_dependency_is_gone_in_the_wanted_version() -> None:
    assert states(world("lib=2", "u -> lib (= 1)", passed="u"))["u"] is MISSING
    assert states(world("lib=2", "u -> lib (= 2)", passed="u"))["u"] is PASSED


def test_an_upgrade_section_compares_the_version_that_its_packages_are_selected_in() -> None:
    # the version to test of a package that disappears is the word None
    gone = node("lib=2")._replace(version="None")
    assert states(computed([gone, node("u -> lib (>= 2)")]))["u"] is WAITS


# -- sections that are looked into for what this one does not have


def test_the_own_section_comes_first_then_the_others_in_their_order() -> None:
    first, second = section("one", "lib: failed-testing"), section("two", "lib")
    assert states(world("u -> lib", others=[first, second]))["u"] is PackageState.DEPENDENCY_FAILED
    assert states(world("u -> lib", others=[second, first]))["u"] is READY
    assert states(world("lib=2", "u -> lib", others=[first, second]))["u"] is WAITS


def test_providers_of_all_sections_count() -> None:
    found = states(world("pa (virt)", "u -> virt", failed="pa", others=[section("one", "pb (virt)")]))
    assert found["u"] is READY


def test_a_section_that_has_a_fitting_version_is_asked_when_the_own_one_does_not_fit() -> None:
    # not outdated: what the other section has is older
    found = states(world("lib=2", "u -> lib (<< 2)", others=[section("one", "lib=1")]))
    assert found == {"lib": READY, "u": READY}


def test_what_is_outdated_elsewhere_too_is_asked_for_further_on() -> None:
    others = [section("one", "base=2: outdated"), section("two", "base=3")]
    assert states(world("base=1", "u -> base", others=others)) == {"base": PackageState.OUTDATED, "u": READY}


def test_equal_versions_are_not_outdated() -> None:
    assert states(world("base=1", others=[section("one", "base=1")]))["base"] is READY


def test_a_pass_elsewhere_counts_even_if_its_dependencies_are_gone() -> None:
    one = section("one", "lib: dependency-does-not-exist")
    passed = [package._replace(outcome=Outcome.PASS) for package in one.packages]
    assert states(world("u -> lib", others=[one]))["u"] is PackageState.DEPENDENCY_CANNOT_BE_TESTED
    assert states(world("u -> lib", others=[type(one)(one.name, passed)]))["u"] is READY


def test_foreign_and_ignored_names_are_excused_only_where_no_section_has_them() -> None:
    others = [section("one", "kbdcontrol: failed-testing")]
    assert states(world("u -> kbdcontrol"))["u"] is READY
    assert states(world("u -> kbdcontrol", others=others))["u"] is PackageState.DEPENDENCY_FAILED
