"""`piufarm master import`: take the master directory of a piuparts installation over."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError, UsageError
from piufarm.master.commands.selection import select_sections
from piufarm.master.evaluator import evaluate_alone
from piufarm.master.exchange.importer import HISTORIES, Imported, SectionImport
from piufarm.master.exchange.listing import section_folders
from piufarm.master.exchange.section_lock import import_lock, section_lock
from piufarm.master.exchange.side_files import copy_side_file
from piufarm.master.layout import section_files
from piufarm.names import SectionName
from piufarm.progress import Progress, terminal_progress
from piufarm.store import open_store
from piufarm.store.model import Store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = (
        "Takes results, reservations, queued retests and daily counts of a piuparts master over into the"
        " master-directory and the store of this configuration. DIR stays as it is. It can be interrupted and repeated:"
        " what was taken over before is not taken over again, what is new is."
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="the master-directory of piuparts")
    parser.add_argument(
        "sections", metavar="SECTION", nargs="*", help="default: every section of this configuration that DIR has"
    )
    parser.add_argument(
        "--in-place",
        action="store_true",
        help="DIR is our master-directory, too: its files become ours where they are, without copies",
    )
    parser.add_argument("--json", action="store_true", help="print what was taken over as JSON")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Take the sections over, one after the other."""
    configuration = load(arguments.config)
    source = arguments.directory
    _check_place(source, configuration, in_place=arguments.in_place)
    told: list[str] = []
    tell = told.append if arguments.json else _tell
    farm_import = _FarmImport(configuration, source, arguments.in_place, tell)
    sections = farm_import.sections(arguments.sections)
    store = open_store(configuration.farm.state)
    try:
        with terminal_progress() as progress:
            done = {section.name: farm_import.take_over(store, section, progress) for section in sections}
    finally:
        store.close()
    for name in HISTORIES:
        copy_side_file(source / name, configuration.farm.master_directory / name)
    if arguments.json:
        rows = [{"section": name, **vars(imported)} for name, imported in done.items()]
        print(json.dumps({"sections": rows, "left": told}, indent=1))
    else:
        _print(done)
    return 0


@dataclass(frozen=True)
class _FarmImport:
    """What an import is about; `tell` gets a line for whatever is left alone."""

    configuration: Configuration
    source: Path
    in_place: bool
    tell: Callable[[str], None]

    def sections(self, names: Sequence[str]) -> Sequence[Section]:
        """The sections asked for, else all that both sides have. Raises UsageError."""
        there = section_folders(self.source)
        known = self.configuration.sections
        for section in select_sections(self.configuration, names) if names else ():
            if section.name not in there:
                raise UsageError(f"{self.source} has no section {section.name}", hint=f"it has: {_listed(there)}")
        if not there & known.keys():
            raise UsageError(
                f"{self.source} holds no section of {self.configuration.path}",
                hint=f"it holds: {_listed(there)}; give the master-directory of piuparts, above its sections",
            )
        for name in () if names else sorted(there - known.keys()):
            self.tell(f"{self.source / name} is left alone: {self.configuration.path} has no such section")
        return [section for name, section in known.items() if name in there and (not names or name in names)]

    def take_over(self, store: Store, section: Section, progress: Progress) -> Imported:
        """One of them. Raises FarmError."""
        source = self.source / section.name
        files = section_files(self.configuration.farm.master_directory, section.name)
        with ExitStack() as stack:
            if not stack.enter_context(store.exclusive(import_lock(section.name))):
                raise FarmError(f"another import of {section.name} is at work", hint="wait for its end")
            if not stack.enter_context(section_lock(source, exclusive=self.in_place)):
                self._complain_of_visitors(source)
            done = SectionImport(store, section, source, files, self.in_place, progress, self.tell).run()
        row = store.section(section.name)
        if row is not None and row.generation > 0 and store.evaluation_due(section.name):
            evaluate_alone(store, section.name)
        return done

    def _complain_of_visitors(self, source: Path) -> None:
        what = f"a program of piuparts is at work on {source}"
        if self.in_place:
            raise FarmError(what, hint="let no slave in while the files change hands, and try again")
        self.tell(f"{what}: import again when it has ended, for what it stores meanwhile")


def _check_place(source: Path, configuration: Configuration, *, in_place: bool) -> None:
    ours = configuration.farm.master_directory
    if not source.is_dir():
        raise UsageError(f"no directory {source}", hint="give the master-directory of piuparts")
    is_same = ours.is_dir() and source.samefile(ours)
    if is_same and not in_place:
        raise UsageError(
            f"{source} is the master-directory of {configuration.path}",
            hint="with --in-place its files become ours where they are; else name another master-directory there",
        )
    if in_place and not is_same:
        raise UsageError(
            f"--in-place: {source} is not the master-directory of {configuration.path}, which is {ours}",
            hint="set master-directory to it, or leave the option out to copy",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _print(done: Mapping[SectionName, Imported]) -> None:
    for name, found in done.items():
        print(f"{name}: {found.results} results and {found.history} older ones taken over")
        for number, what in (
            (found.known, "logs were known already"),
            (found.reservations, "reservations"),
            (found.retests, "packages that are to be tested again"),
            (found.days, "days of counts"),
            (found.left, "files left alone"),
        ):
            if number:
                print(f"  {number:7}  {what}")
    print("Next: `piufarm master refresh` reads the archives and computes the states.")
