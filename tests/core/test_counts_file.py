"""counts.txt: what is written is read again, and what is odd in it is told and left out."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from piufarm.counts_file import BadLine, parse_counts, render_counts
from piufarm.states import COUNTS_COLUMNS

_COUNTS = st.fixed_dictionaries(dict.fromkeys(COUNTS_COLUMNS, st.integers(0, 10**9)))
_DAYS = st.dictionaries(st.dates(date(1000, 1, 1)), _COUNTS, max_size=5)


@given(_DAYS)
def test_what_is_rendered_is_parsed(days: dict[date, dict[str, int]]) -> None:
    daily = sorted(days.items())
    assert list(parse_counts(render_counts(daily).splitlines(keepends=True))) == daily


@given(st.lists(st.text()))
def test_nothing_in_the_file_is_a_surprise(lines: list[str]) -> None:
    for found in parse_counts(lines):
        assert isinstance(found, BadLine) or all(number >= 0 for number in found[1].values())


def test_the_header_names_the_columns_of_what_follows() -> None:
    old = ["date, successfully-tested, circular-dependency\n", "20120101, 5, 2\n"]
    assert list(parse_counts(old)) == [(date(2012, 1, 1), {"successfully-tested": 5, "circular-dependency": 2})]


def test_odd_lines_are_told() -> None:
    lines = ["date, unknown", "20120101", "20121301, 5", "20120101, x", "", "20120102, 7"]
    assert list(parse_counts(lines)) == [
        BadLine(2, "20120101"),
        BadLine(3, "20121301, 5"),
        BadLine(4, "20120101, x"),
        (date(2012, 1, 2), {"unknown": 7}),
    ]
