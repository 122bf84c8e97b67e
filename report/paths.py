"""Where things lie in the published tree: the only place where a name becomes a path or a URL.

The tree keeps the classic addresses that people, bookmarks and other services use: `<section>/index.html`,
`<section>/state-<state>.html`, `<section>/<list>.html`, `<section>/<list>/<package>_<version>.log` and
`<section>/source/<prefix>/<source>.html`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NewType
from urllib.parse import quote

from piufarm.names import InvalidName, Package, SectionName, Version, log_name
from piufarm.states import PackageState
from piufarm.store.model import Placement, Run

SitePath = NewType("SitePath", str)  # relative to the output directory, `/` between its parts

LISTS: Final = ("pass", "fail", "untestable", "bugged", "affected", "reserved")
LOG_DIRECTORIES: Final = (*Placement, "history")
OWNED_DIRECTORIES: Final = (*LOG_DIRECTORIES, "reserved", "package", "source")

_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.:~_-]*")
_PART_MAX: Final = 255  # bytes in a file name


def site_path(*parts: str) -> SitePath:
    """Join names into a path below the output directory; only a SectionName may bring a `/` along.

    Raises InvalidName for anything that could leave the tree, hide in it or upset a web server.
    """
    words: list[str] = []
    for part in parts:
        words.extend(part.split("/") if isinstance(part, SectionName) else [part])
    for word in words:
        if len(word) > _PART_MAX or not _PART.fullmatch(word):
            raise InvalidName(f"not a part of a path: {word[:80]!r}")
    return SitePath("/".join(words))


def url(path: SitePath) -> str:
    """A path as it is written into a link; prefix it with `root_of` the page that holds the link."""
    return quote(path, safe="/~+")


def root_of(path: SitePath) -> str:
    """The way from a page up to the top of the site: `../` as often as needed."""
    return "../" * path.count("/")


def prefix(name: Package) -> str:
    """The folder of a name: its first letter, the first four of names in lib; other services rely on it."""
    return name[:4] if name.startswith("lib") else name[:1]


@dataclass(frozen=True)
class SectionPaths:
    """The addresses of one section's pages and files."""

    section: SectionName

    @property
    def index(self) -> SitePath:
        return self.file("index.html")

    def file(self, name: str) -> SitePath:
        """A file of the section itself, such as summary.json."""
        return site_path(self.section, name)

    def state(self, state: PackageState, number: int = 1) -> SitePath:
        return self.file(_numbered(f"state-{state}", number))

    def listing(self, name: str, number: int = 1) -> SitePath:
        """A page of a log list; `name` is one of LISTS."""
        return self.file(_numbered(name, number))

    def package(self, package: Package) -> SitePath:
        return site_path(self.section, "package", prefix(package), f"{package}.html")

    def source(self, source: Package) -> SitePath:
        return site_path(self.section, "source", prefix(source), f"{source}.html")

    def log(self, placement: Placement, package: Package, version: Version) -> SitePath:
        """The published log of a current result."""
        return site_path(self.section, placement, log_name(package, version))

    def history(self, run: Run) -> SitePath:
        """The published log of a run that is not the current one; compressed if the master has it so."""
        suffix = ".log.xz" if run.log.endswith(".xz") else ".log"
        return site_path(self.section, "history", f"{run.package}_{run.version}_{run.run_id}{suffix}")


def _numbered(stem: str, number: int) -> str:
    return f"{stem}.html" if number == 1 else f"{stem}-{number}.html"
