"""Sections that the configuration no longer has: what was published for them goes.

sections.yaml, which other services read, lists the sections of the site, so it tells which ones were there before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from piufarm.names import InvalidName, SectionName
from piufarm.report.ledger import LEDGER_NAME
from piufarm.report.paths import OWNED_DIRECTORIES, site_path
from piufarm.report.publisher import Publisher
from piufarm.report.section_report import Workshop

SECTIONS_NAME: Final = "sections.yaml"


def render_sections(configured: Sequence[SectionName]) -> str:
    """The text of sections.yaml: a list of names."""
    return "".join(f"- {name}\n" for name in configured)


def remove_sections(workshop: Workshop, configured: Sequence[SectionName]) -> None:
    """Take away the published files of every section of the last run that has no place in the configuration."""
    kept = frozenset(workshop.output / name for name in configured)
    for name in _sections_before(workshop.output):
        folder = workshop.output / name
        if folder in kept or not folder.is_dir():
            continue
        publisher = Publisher(workshop.output, site_path(name), salt=workshop.salt, tally=workshop.tally)
        publisher.remove_stale(OWNED_DIRECTORIES, kept)
        (folder / LEDGER_NAME).unlink(missing_ok=True)
        for directory in (folder, *folder.parents):
            if directory == workshop.output:
                break
            with contextlib.suppress(OSError):  # something else lives there
                directory.rmdir()


def _sections_before(output: Path) -> Iterator[SectionName]:
    try:
        lines = (output / SECTIONS_NAME).read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        with contextlib.suppress(InvalidName):
            yield SectionName(line.removeprefix("- ").strip())
