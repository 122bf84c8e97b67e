"""Relations in the tables come back as they went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.names import Package
from piufarm.store.model import Provided, Relation
from piufarm.store.relations_text import RelationsReader, clauses_text, provides_text

_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+.-]{0,8}", fullmatch=True).map(Package)
_VERSIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.+:~-]{0,8}", fullmatch=True)
_CONSTRAINTS = st.tuples(st.sampled_from(["<<", "<=", "=", ">=", ">>"]), _VERSIONS) | st.just(("", ""))
_RELATIONS = st.builds(
    lambda name, constraint, arch: Relation(name, constraint[0], constraint[1], arch),
    _NAMES,
    _CONSTRAINTS,
    st.sampled_from(["", "", "i386"]),
)
_CLAUSES = st.lists(st.lists(_RELATIONS, min_size=1, max_size=3).map(tuple), max_size=4).map(tuple)


@given(_CLAUSES)
def test_clauses_come_back(clauses: tuple[tuple[Relation, ...], ...]) -> None:
    assert RelationsReader().clauses(clauses_text(clauses)) == clauses


@given(st.lists(st.builds(Provided, _NAMES, _VERSIONS | st.just("")), max_size=4).map(tuple))
def test_what_is_provided_comes_back(provides: tuple[Provided, ...]) -> None:
    assert RelationsReader().provides(provides_text(provides)) == provides


def test_the_text_is_short() -> None:
    libc = Relation(Package("libc6"), ">=", "2.34"), Relation(Package("libc6.1"))
    wine = (Relation(Package("wine32"), "=", "8", "i386"),)
    assert clauses_text([libc, wine]) == "libc6>=2.34|libc6.1,wine32:i386=8"


def test_equal_clauses_are_read_once() -> None:
    read = RelationsReader()
    assert read.clauses("a,libc6>=2")[1] is read.clauses("libc6>=2,b")[0]


def test_what_is_no_relation_is_refused() -> None:
    with pytest.raises(ValueError, match="not a relation"):
        RelationsReader().clauses("libc6>=2,,b")
