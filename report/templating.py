"""Jinja2 with autoescape: every text of a package, a maintainer or a log goes through it.

Besides markup it takes the sting out of control, invisible and direction-changing characters, wherever they come from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import jinja2

from piufarm import __version__
from piufarm.report.artifact import Artifact
from piufarm.report.logtext import harmless
from piufarm.report.paths import SitePath, root_of, url

HERE: Final = Path(__file__).resolve().parent
STATIC: Final = HERE / "static"
_TEMPLATES: Final = HERE / "templates"


def program_salt() -> str:
    """Changes whenever a template or a module of the report does: then every page is made again."""
    digest = hashlib.blake2b(__version__.encode(), digest_size=16)
    for path in sorted((*HERE.glob("*.py"), *_TEMPLATES.glob("*.html"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def words(identifier: str) -> str:
    """A state or list name as prose: `failed-testing` is "failed testing"."""
    return str(identifier).replace("-", " ")


def moment(time: datetime) -> str:
    """A time for people, in UTC."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def size(count: int) -> str:
    """Bytes for people, in binary multiples."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def number(count: int) -> str:
    """A number with its thousands apart."""
    return f"{count:,}"


def _harmless_value(value: object) -> object:
    """What an expression of a template puts on the page; the output of macros has been through this."""
    return harmless(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


class Pages:
    """Makes pages from templates. `now` is the time that the pages say they were made at."""

    def __init__(self, now: datetime) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            finalize=_harmless_value,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(url=url, words=words, moment=moment, size=size, number=number)
        self._environment.globals.update(version=__version__, now=now)

    def page(
        self,
        path: SitePath,
        template: str,
        context: Mapping[str, object],
        late: Callable[[], Mapping[str, object]] | None = None,
    ) -> Artifact:
        """A page from a template. `late` adds what is dear to get and follows from `context`, such as a log's text."""

        def make() -> str:
            more = late() if late is not None else {}
            text: str = self._environment.get_template(template).render(root=root_of(path), **context, **more)
            return text

        return Artifact(path, (template, context), make)
