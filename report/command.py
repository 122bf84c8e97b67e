"""`piufarm report`: render the site from the store and the logs."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.progress import terminal_progress
from piufarm.report.site import Outcome, build_site
from piufarm.store import open_store

EPILOG = (
    "Pages whose contents would not change are left alone, stale ones are removed, and readers never see half a page."
    " With SECTIONs only these are rendered; the front page and the global summary.json always cover all."
    " The exit status is 1 if a section could not be rendered; the others are rendered all the same."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `piufarm report`."""
    parser.epilog = EPILOG
    parser.add_argument("section", nargs="*", metavar="SECTION", help="section to render (default: all)")
    add_config_option(parser)
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        help="where the site goes (default: output-directory of the configuration)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Render, and say in one line what was done; 1 if a section failed."""
    configuration = load(arguments.config)
    output = (arguments.output or configuration.farm.output_directory).absolute()
    with terminal_progress() as progress:
        outcome = build_site(
            configuration,
            partial(open_store, configuration.farm.state, create=False),
            asked=arguments.section,
            output=output,
            progress=progress,
        )
    print(last_line(outcome, output))
    for name, message in outcome.troubles.items():
        print(f"piufarm report: section {name} was not rendered: {message}", file=sys.stderr)
    return 1 if outcome.troubles else 0


def last_line(outcome: Outcome, output: Path) -> str:
    """What was done, for people and cron mails."""
    tally = outcome.tally
    noun = "section" if outcome.sections == 1 else "sections"
    return (
        f"{outcome.sections} {noun}: {tally.rendered:,} files written, {tally.unchanged:,} unchanged, "
        f"{tally.removed:,} removed, {outcome.seconds:.1f} s; see {output / 'index.html'}"
    )
