"""Every page: valid, complete, free of what logs and maintainers try to smuggle in."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import html5lib

from piufarm.report.templating import STATIC
from tests.report.logs import HOSTILE_MARK
from tests.report.pages import all_pages, look_at, page_kinds
from tests.report.sample import SampleFarm

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def test_every_kind_of_page_is_valid_html5(site: SampleFarm) -> None:
    for name in page_kinds(site):
        text = (site.output / name).read_text("utf-8")
        html5lib.HTMLParser(strict=True).parse(text)
        seen = look_at(site.output / name)
        ids = seen.values("id")
        assert len(ids) == len(set(ids)), f"{name} has an id twice"
        assert [tag for tag, _ in seen.elements].count("h1") == 1, name
        for label in seen.values("aria-labelledby"):
            assert label in ids, name


def test_every_page_has_language_title_viewport_and_skip_link(site: SampleFarm) -> None:
    for path in all_pages(site):
        seen = look_at(path)
        assert ("html", {"lang": "en"}) in seen.elements
        assert "viewport" in seen.values("name")
        assert "#main" in seen.values("href")
        assert "title" in [tag for tag, _ in seen.elements]


def test_no_page_runs_a_script_or_loads_anything_from_elsewhere(site: SampleFarm) -> None:
    for path in all_pages(site):
        seen = look_at(path)
        tags = {tag for tag, _ in seen.elements}
        assert not tags & {"script", "iframe", "object", "embed", "form", "base", "style"}, path
        assert not [name for _, attributes in seen.elements for name in attributes if name.startswith("on")], path
        for link in seen.values("href", "src", "srcset"):
            parts = urlsplit(link)
            assert not parts.scheme and not parts.netloc, f"{path}: {link}"


def test_no_control_or_direction_changing_character_reaches_a_page(site: SampleFarm) -> None:
    for path in all_pages(site):
        assert not _CONTROL.search(path.read_text("utf-8")), path


def test_hostile_text_is_shown_as_text(site: SampleFarm) -> None:
    seen = look_at(site.output / "sid/package/e/eve.html")
    assert HOSTILE_MARK in "".join(seen.text)
    shown = 'Eve "><script>alert(2)</script>, <b>&amp; Sons</b> <U+202E>^[[1m<U+009F> <eve@example.org>'
    for page in ("sid/package/e/eve.html", "sid/source/e/eve.html", "sid/state-failed-testing.html"):
        assert shown in "".join(look_at(site.output / page).text), page
    assert "</pre></div><img src=x onerror=alert(1)>" in "".join(seen.text)


def test_every_link_inside_the_site_leads_somewhere(site: SampleFarm) -> None:
    ids: dict[Path, set[str]] = {}
    for path in all_pages(site):
        ids[path] = set(look_at(path).values("id"))
    checked = 0
    for path in ids:
        for link in look_at(path).values("href", "src", "srcset"):
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path}: {link}"
            assert target.is_relative_to(site.output.resolve())
            if parts.fragment:
                assert parts.fragment in ids[target], f"{path}: {link}"
            checked += 1
    assert checked > 5000


def test_tables_name_their_columns_and_rows(site: SampleFarm) -> None:
    for name in page_kinds(site):
        headers = [attributes for tag, attributes in look_at(site.output / name).elements if tag == "th"]
        assert all(attributes.get("scope") in ("col", "row") for attributes in headers), name


def test_pictures_have_a_text(site: SampleFarm) -> None:
    for name in page_kinds(site):
        for tag, attributes in look_at(site.output / name).elements:
            if tag == "img":
                assert attributes["alt"].strip(), name
            if tag == "svg":
                assert "aria-hidden" in attributes or attributes.get("aria-label"), name


def test_the_style_sheet_loads_nothing() -> None:
    text = (STATIC / "style.css").read_text()
    assert "url(" not in text
    assert "@import" not in text
