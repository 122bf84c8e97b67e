"""What is known of dependencies that fail every package that needs them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from piufarm.outcome import Finding, Severity
from piufarm.slave.layers.faults import Error, Faults

INSTALLED = {"untidy": "1", "helper": "2", "tested": "3"}


def error(*culprits: str, check: str = "left-files", text: str = "left: /opt/x") -> Error:
    return asdict(Finding(check, Severity.ERROR, text, culprits=culprits, is_settled=True))


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    return Faults(tmp_path / "faults")


def texts(found: list[Error]) -> list[str]:
    return [one["text"] for one in found]


def test_at_first_nothing_is_known(faults: Faults) -> None:
    assert faults.of(INSTALLED) == []


def test_an_error_is_known_wherever_all_its_culprits_are_installed_in_the_same_versions(faults: Faults) -> None:
    faults.learn(error("untidy", "helper"), INSTALLED)
    assert texts(faults.of({"untidy": "1", "helper": "2", "another": "1"})) == ["left: /opt/x"]
    assert faults.of({"untidy": "1"}) == []
    assert faults.of({"untidy": "1", "helper": "3"}) == []


def test_what_is_learned_twice_is_known_once(faults: Faults) -> None:
    faults.learn(error("untidy"), INSTALLED)
    faults.learn(error("untidy"), {**INSTALLED, "more": "1"})
    assert texts(faults.of(INSTALLED)) == ["left: /opt/x"]


def test_an_error_of_nobody_or_of_what_is_not_installed_cannot_be_known_again(faults: Faults) -> None:
    faults.learn(error(), INSTALLED)
    faults.learn(error("untidy", "gone"), INSTALLED)
    assert faults.of(INSTALLED) == []


def test_a_failed_command_names_its_chroot_and_is_never_the_same_again(faults: Faults) -> None:
    faults.learn(error("untidy", check="commands"), INSTALLED)
    assert faults.of(INSTALLED) == []


def test_what_turned_out_wrong_is_forgotten_and_nothing_else(faults: Faults) -> None:
    faults.learn(error("untidy"), INSTALLED)
    faults.learn(error("untidy", text="left: /opt/y"), INSTALLED)
    faults.forget(["left: /opt/x"])
    assert texts(faults.of(INSTALLED)) == ["left: /opt/y"]


@pytest.mark.parametrize("content", ["", "{", "{}", '{"error": {}}'])
def test_a_file_that_a_host_has_spoiled_by_going_down_says_nothing(faults: Faults, content: str) -> None:
    faults.learn(error("untidy"), INSTALLED)
    (faults.folder / "spoiled.json").write_text(content)
    assert texts(faults.of(INSTALLED)) == ["left: /opt/x"]
