"""The chart: well-formed, repeatable, readable with one day and with a thousand."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from piufarm.report.chart import SMALL, WIDE, Daily, Format, states_chart
from piufarm.report.palette import STATE_COLOURS
from piufarm.states import PackageState

_TEXT = "{http://www.w3.org/2000/svg}text"
_COUNTS: Mapping[str, int] = {"successfully-tested": 70802, "failed-testing": 3009, "waiting-to-be-tested": 1373}


def _daily(days: int) -> Daily:
    return [(date(2026, 11, 20) - timedelta(days=days - number), _COUNTS) for number in range(days)]


def _texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(_TEXT)]


@pytest.mark.parametrize("days", [2, 7, 45, 46, 400, 1500])
@pytest.mark.parametrize("shape", [WIDE, SMALL])
def test_a_chart_is_well_formed_and_has_few_labels(days: int, shape: Format) -> None:
    texts = _texts(states_chart(_daily(days), "sid", shape))
    assert "packages" in texts
    labels = [text for text in texts if text[0].isdigit() or text[:3].istitle()]
    assert 3 <= len(labels) <= 16
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("shape", [WIDE, SMALL])
def test_the_bars_of_a_single_day_name_themselves(shape: Format) -> None:
    texts = _texts(states_chart(_daily(1), "sid", shape))
    assert texts == ["70,802 successfully tested", "3,009 failed testing", "1,373 waiting to be tested"]


def test_a_few_days_are_labelled_with_their_dates() -> None:
    assert {"18 Nov", "19 Nov"} < set(_texts(states_chart(_daily(2), "sid", WIDE)))


def test_the_wide_chart_names_the_states_that_occur() -> None:
    texts = _texts(states_chart(_daily(3), "sid", WIDE))
    assert {"successfully tested", "failed testing", "waiting to be tested"} <= set(texts)
    assert "outdated" not in texts


def test_the_same_counts_give_the_same_bytes() -> None:
    assert states_chart(_daily(5), "sid", WIDE) == states_chart(_daily(5), "sid", WIDE)


def test_colours_follow_the_readers_scheme() -> None:
    svg = states_chart(_daily(3), "sid", WIDE)
    passed = STATE_COLOURS[PackageState.SUCCESSFULLY_TESTED]
    assert passed.light in svg
    assert passed.dark in svg
    assert "prefers-color-scheme:dark" in svg
    assert "#00fe" not in svg.lower()


def test_a_chart_loads_nothing_and_runs_nothing() -> None:
    svg = states_chart(_daily(3), "sid", WIDE)
    assert "<script" not in svg
    assert "http" not in svg.replace("http://www.w3.org/", "")
