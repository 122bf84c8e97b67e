"""Reading rendered pages as a browser would, as far as tests need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from tests.report.sample import SampleFarm


@dataclass
class Seen(HTMLParser):
    """What a page holds: its elements, links, ids and text."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, *names: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements for name in names if name in attributes]

    @property
    def words(self) -> str:
        """The text with white space folded."""
        return " ".join("".join(self.text).split())


def look_at(path: Path) -> Seen:
    """Parse a page."""
    seen = Seen()
    seen.feed(path.read_text("utf-8"))
    seen.close()
    return seen


def all_pages(farm: SampleFarm) -> list[Path]:
    """Every HTML file of the site."""
    pages = sorted(farm.output.rglob("*.html"))
    assert pages
    return pages


def page_kinds(farm: SampleFarm) -> list[str]:
    """At least one page of each kind, and those with odd content."""
    wanted = [
        "index.html", "tarball/new/index.html", "tarball/new/fail.html", "tarball/new/state-unknown.html",
        "sid/index.html", "sid/reserved.html", "sid/package/e/eve.html", "sid/package/c/chatty.html",
        "sid/package/libc/libc6.html", "sid/source/e/eve.html", "sid/source/c/curl.html",
        "stable2next/index.html",
    ]  # fmt: skip
    wanted += [path.relative_to(farm.output).as_posix() for path in sorted(farm.output.glob("sid/state-*.html"))]
    wanted += [f"sid/{name}.html" for name in ("pass", "fail", "untestable", "bugged", "affected")]
    return wanted
