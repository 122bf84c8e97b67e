"""The colours: the same in charts and pages, and readable."""

from __future__ import annotations

import re

import pytest

from piufarm.report.palette import STATE_COLOURS
from piufarm.report.templating import STATIC
from piufarm.states import PackageState

_CSS = (STATIC / "style.css").read_text()
_MIN_CONTRAST = 4.5  # WCAG 2 level AA for text


def _scheme(dark: bool) -> dict[str, str]:
    """The custom properties of one colour scheme."""
    blocks = re.findall(r":root \{(.*?)\}", _CSS, re.DOTALL)
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[1 if dark else 0]))


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("state", PackageState)
def test_a_state_has_the_same_colour_in_charts_and_pages(state: PackageState) -> None:
    assert STATE_COLOURS[state] == (_scheme(False)[state], _scheme(True)[state])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("text", ["ink", "soft", "accent", "odd"])
def test_text_stands_out_from_its_background(dark: bool, text: str) -> None:
    colours = _scheme(dark)
    for background in ("paper", "card"):
        assert _contrast(colours[text], colours[background]) >= _MIN_CONTRAST


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("text", ["bad", "warn", "good"])
def test_marked_log_lines_stand_out_from_their_own_background(dark: bool, text: str) -> None:
    colours = _scheme(dark)
    assert _contrast(colours[text], colours[f"{text}-paper"]) >= _MIN_CONTRAST
    assert _contrast(colours["ink"], colours[f"{text}-paper"]) >= _MIN_CONTRAST
    assert _contrast(colours["odd"], colours[f"{text}-paper"]) >= _MIN_CONTRAST
