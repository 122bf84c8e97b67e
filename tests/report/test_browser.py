"""The pages in a real browser: readable on the smallest phone and on a wide screen."""

from __future__ import annotations

import pytest

from tests.report.browser import Measured, measure
from tests.report.pages import page_kinds
from tests.report.sample import SampleFarm

WIDTHS = (320, 390, 768, 1600)


@pytest.fixture(scope="module")
def measured(site: SampleFarm) -> list[Measured]:
    """Every kind of page at every width."""
    return measure(site.output, page_kinds(site), WIDTHS)


def test_no_page_is_wider_than_the_screen(measured: list[Measured]) -> None:
    assert [page for page in measured if page.scroll > page.client or page.wide] == []
    assert {page.width for page in measured} == set(WIDTHS)


def test_every_page_is_laid_out_with_its_style_and_pictures(site: SampleFarm, measured: list[Measured]) -> None:
    assert {page.page for page in measured} == set(page_kinds(site))
    for page in measured:
        assert page.background == "rgb(251, 250, 247)", page
        assert page.height > 100, page
        assert all(page.pictures), page
        assert page.title.endswith("– piufarm"), page


def test_no_script_came_out_of_a_log(measured: list[Measured]) -> None:
    assert [page.page for page in measured if page.inline] == []
