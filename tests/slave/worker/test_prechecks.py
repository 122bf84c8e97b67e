"""The texts of untestable packages, as piuparts slaves write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from piufarm.names import Package, Version
from piufarm.slave.job.prechecks import Examination, Offer, Problem, examine_install, examine_upgrade


@dataclass(frozen=True)
class Suite:
    versions: Mapping[str, str]

    def version(self, name: Package) -> Version | None:
        return Version(self.versions[name]) if name in self.versions else None

    def paragraph(self, name: Package) -> str | None:
        return f"Package: {name}\nVersion: {self.versions[name]}\n" if name in self.versions else None


ONE = Offer("one", Suite({"up": "1", "down": "2", "alt": "1", "steps": "3", "hole": "1"}))
TWO = Offer("two", Suite({"up": "2", "down": "1", "late": "1", "steps": "2"}))
THREE = Offer("three", Suite({"steps": "1", "hole": "2"}))


def install(package: str, version: str) -> Examination:
    return examine_install(Package(package), Version(version), ONE)


def upgrade(package: str, version: str, *offers: Offer) -> Examination:
    return examine_upgrade(Package(package), Version(version), offers or (ONE, TWO))


def test_a_package_to_install() -> None:
    assert install("up", "1") == Examination("\nPackage: up\nVersion: 1\n\n")


def test_a_package_that_is_not_there() -> None:
    assert install("gone", "1") == Examination("Package gone not found in one\n", Problem.NOT_IN_DISTRO)


def test_a_package_that_is_there_in_another_version() -> None:
    assert install("up", "2") == Examination(
        "Package up 2 not found in one, 1 is available\n\nPackage: up\nVersion: 1\n\n", Problem.OTHER_VERSION
    )


def test_a_package_to_upgrade() -> None:
    paragraphs = "\n[one]\nPackage: up\nVersion: 1\n\n[two]\nPackage: up\nVersion: 2\n\n"
    assert upgrade("up", "2") == Examination(paragraphs)


def test_a_package_that_an_upgrade_makes_disappear() -> None:
    assert upgrade("alt", "None") == Examination("\n[one]\nPackage: alt\nVersion: 1\n\n[two]\n\n")


def test_a_package_that_comes_with_the_upgrade() -> None:
    assert upgrade("late", "1") == Examination("\n[one]\n\n[two]\nPackage: late\nVersion: 1\n\n")


@pytest.mark.parametrize(
    ("package", "version", "messages", "problem"),
    [
        ("nowhere", "None", ["Package nowhere not found in any distribution"], -10003),
        (
            "nowhere",
            "1",
            ["Package nowhere not found in any distribution", "Package nowhere not found in two"],
            -10004,
        ),
        ("alt", "1", ["Package alt not found in two"], -10004),
        ("up", "1", ["Package up 1 not found in two, 2 is available"], -10005),
        ("late", "None", ["Package late None not found in two, 1 is available"], -10005),
        ("down", "7", ["Package down 7 not found in two, 1 is available"], -10005),
    ],
)
def test_a_package_that_cannot_be_upgraded(package: str, version: str, messages: list[str], problem: int) -> None:
    found = upgrade(package, version)
    assert found.problem == problem
    assert found.introduction.split("\n\n[one]")[0].splitlines() == messages


def test_a_path_that_goes_down_is_told_after_the_paragraphs() -> None:
    found = upgrade("down", "1")
    assert found.problem == -10006
    assert found.introduction == (
        "\n[one]\nPackage: down\nVersion: 2\n\n[two]\nPackage: down\nVersion: 1\n\n"
        "Upgrade to two requires downgrade: 2 > 1\n"
    )


def test_each_step_down_is_told() -> None:
    found = upgrade("steps", "1", ONE, TWO, THREE)
    assert found.introduction.endswith(
        "Upgrade to two requires downgrade: 3 > 2\nUpgrade to three requires downgrade: 2 > 1\n"
    )


def test_a_distro_without_the_package_is_no_step_down() -> None:
    assert upgrade("hole", "2", ONE, TWO, THREE).problem is None
