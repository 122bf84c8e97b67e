"""`piufarm master export`: write a master directory that piuparts-master goes on with."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.errors import FarmError, UsageError
from piufarm.files import sync_file_system
from piufarm.master.commands.selection import add_sections_argument, select_sections
from piufarm.master.exchange.exporter import Exported, SectionExport
from piufarm.master.exchange.importer import HISTORIES
from piufarm.master.exchange.side_files import copy_side_file
from piufarm.master.layout import section_files
from piufarm.progress import terminal_progress
from piufarm.store import open_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = (
        "Writes current results with their known problems and bugs, older ones into archive/, what is reserved and"
        " what is to be tested again, submissions.txt and counts.txt as piuparts-master 1.1.7 keeps them. Logs are"
        " copied. Let it be the master-directory of piuparts, and let no slave in before that."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="where to write; missing or empty")
    add_sections_argument(parser)
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Write the sections, one after the other; 1 if a log is missing."""
    configuration = load(arguments.config)
    target: Path = arguments.directory
    ours = configuration.farm.master_directory
    sections = select_sections(configuration, arguments.sections)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not empty", hint="name a directory that does not exist yet")
    store = open_store(configuration.farm.state, create=False)
    done: dict[str, Exported] = {}
    try:
        target.mkdir(parents=True, exist_ok=True)
        with terminal_progress() as progress:
            for section in sections:
                files, folder = section_files(ours, section.name), target / section.name
                done[section.name] = SectionExport(store, section, files, folder, datetime.now(UTC), progress).run()
        for name in HISTORIES:
            copy_side_file(ours / name, target / name)
        sync_file_system(target)
    except BaseException:
        print(f"{target} is incomplete: remove it, and export again", file=sys.stderr)
        raise
    finally:
        store.close()
    missing = [line for exported in done.values() for line in exported.missing]
    if arguments.json:
        print(json.dumps([{"section": name, **vars(exported)} for name, exported in done.items()], indent=1))
    else:
        _print(done)
    if missing:
        raise FarmError(f"{len(missing)} logs are missing, such as {missing[0]}", hint="see `piufarm master fsck`")
    return 0


def _print(done: Mapping[str, Exported]) -> None:
    for name, written in done.items():
        print(f"{name}: {written.results} results and {written.history} older ones written")
        for number, what in (
            (written.reservations, "reservations"),
            (written.retests, "packages that are to be tested again"),
            (written.days, "days of counts"),
            (written.without_place, "older results left out: piuparts keeps one log of a version and outcome"),
        ):
            if number:
                print(f"  {number:7}  {what}")
