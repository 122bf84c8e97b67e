"""Dependency fields as archives write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.master.relations import BadRelation, parse_dependencies, parse_provides


def _names(text: str, arch: str = "amd64") -> list[tuple[str, ...]]:
    return [clause.alternatives for clause in parse_dependencies(text, arch=arch)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0", [("libc6",), ("debconf", "debconf-2.0")]),
        ("python3:any, perl:any (>= 5)", [("python3",), ("perl",)]),
        ("R, c", [("R",), ("c",)]),
        ("a [amd64], b [!amd64], c [i386] | d", [("a",), ("d",)]),
        ("a | a, a", [("a",), ("a",)]),
    ],
)
def test_names_and_alternatives_are_what_counts(text: str, names: list[tuple[str, ...]]) -> None:
    assert _names(text) == names


def test_the_architecture_decides_what_is_meant() -> None:
    assert _names("a [amd64], b [!amd64]", arch="arm64") == [("b",)]


def test_a_pre_dependency_is_marked() -> None:
    (clause,) = parse_dependencies("dpkg (>= 1.15)", arch="amd64", pre=True)
    assert clause.pre
    assert clause.chosen is None


def test_provided_names_come_without_versions_and_once() -> None:
    assert parse_provides("mta, libfoo (= 3), libfoo", arch="amd64") == ("mta", "libfoo")


@pytest.mark.parametrize("text", ["a (>= 1", "a,,b", "${misc:Depends}", "a_b", "../etc/passwd"])
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(BadRelation):
        parse_dependencies(text, arch="amd64")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_dependencies(text, arch="amd64")
    except BadRelation:
        return
    assert all(clause.alternatives for clause in found)
