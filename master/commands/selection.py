"""Which sections a command is about."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches

from piufarm.config.load import GLOBAL
from piufarm.config.model import Configuration, Section
from piufarm.errors import UsageError
from piufarm.names import SectionName


def add_sections_argument(parser: argparse.ArgumentParser) -> None:
    """Add `SECTION…` to a command."""
    parser.add_argument(
        "sections", metavar="SECTION", nargs="*", help="default: those that the key `sections` names, else all"
    )


def select_sections(configuration: Configuration, names: Sequence[str]) -> Sequence[Section]:
    """The sections asked for; without names those of the key `sections`, else every stanza that tests something.

    Raises UsageError for a name without a stanza.
    """
    known = configuration.sections
    if names:
        return [known[SectionName(name)] if name in known else _refuse(configuration, name) for name in names]
    chosen = configuration.farm.sections or [name for name in known if name != GLOBAL]
    return [known[name] for name in chosen if name in known and not known[name].is_tarball_only]


def _refuse(configuration: Configuration, name: str) -> Section:
    near = get_close_matches(name, configuration.sections, 1)
    hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(sorted(configuration.sections))}"
    raise UsageError(f"no section {name!r} in {configuration.path}", hint=hint)
