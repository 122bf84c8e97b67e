"""Dependency fields as archives write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.master.refresh.relations import BadRelation, FieldReader
from piufarm.names import Package
from piufarm.store.model import Provided, Relation


def _clauses(text: str, arch: str = "amd64") -> list[list[str]]:
    return [list(map(str, clause.alternatives)) for clause in FieldReader(arch).dependencies(text)]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("", []),
        (
            "libc6 (>= 2.36), debconf (>= 0.5)|debconf-2.0",
            [["libc6 (>= 2.36)"], ["debconf (>= 0.5)", "debconf-2.0"]],
        ),
        ("a (<< 1), b(<=2~), c (= 1:3-4)", [["a (<< 1)"], ["b (<= 2~)"], ["c (= 1:3-4)"]]),
        ("d (>> 5+b1)", [["d (>> 5+b1)"]]),
        ("old (< 1), new (> 2)", [["old (<= 1)"], ["new (>= 2)"]]),  # what these meant before they were given up
        ("R, c", [["R"], ["c"]]),
        ("a [amd64], b [!amd64], c [i386] | d, e (>= 1) [linux-any]", [["a"], ["d"], ["e (>= 1)"]]),
        ("a <!nocheck>, b <nocheck>", [["a"]]),
        ("a | a, a", [["a"], ["a"]]),
        ("a | a (>= 1)", [["a", "a (>= 1)"]]),
    ],
)
def test_relations_are_read_with_their_versions(text: str, clauses: list[list[str]]) -> None:
    assert _clauses(text) == clauses


def test_a_name_may_be_qualified_by_an_architecture() -> None:
    assert _clauses("python3:any, perl:native (>= 5), libc6:amd64, wine32:i386 (= 8)") == [
        ["python3"], ["perl (>= 5)"], ["libc6"], ["wine32:i386 (= 8)"],
    ]  # fmt: skip


def test_the_architecture_decides_what_is_meant() -> None:
    assert _clauses("a [amd64], b [!amd64], c:amd64", arch="arm64") == [["b"], ["c:amd64"]]


def test_a_pre_dependency_is_marked() -> None:
    (clause,) = FieldReader("amd64").dependencies("dpkg (>= 1.15)", pre=True)
    assert clause.pre
    assert clause.chosen is None


def test_equal_clauses_are_one_object() -> None:
    fields = FieldReader("amd64")
    assert fields.dependencies("a, libc6 (>= 2)")[1] is fields.dependencies("libc6 (>= 2), b")[0]


def test_provided_names_come_with_their_versions_and_once() -> None:
    assert FieldReader("amd64").provides("mta, libfoo (= 3), libfoo (= 3), python3.11:any (= 3), wine:i386") == (
        Provided(Package("mta")),
        Provided(Package("libfoo"), "3"),
        Provided(Package("python3.11"), "3"),
    )


@pytest.mark.parametrize(
    "text",
    ["a (>= 1", "a,,b", "a,", "${misc:Depends}", "a_b", "../etc/passwd", "a (!= 1)", "a (>= ${v})", "a:x:y", "a:x_y"],
)
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(BadRelation, match="cannot read"):
        FieldReader("amd64").dependencies(text)


@pytest.mark.parametrize("text", ["a | b", "a (>= 1)"])
def test_only_a_name_or_one_version_can_be_provided(text: str) -> None:
    with pytest.raises(BadRelation):
        FieldReader("amd64").provides(text)


@given(st.text(max_size=60) | st.text("ab,|()[]<>=:!1 ", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = FieldReader("amd64").dependencies(text)
    except BadRelation:
        return
    assert all(clause.alternatives for clause in found)
    assert all(isinstance(relation, Relation) for clause in found for relation in clause.alternatives)
