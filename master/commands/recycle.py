"""`piufarm master recycle`: let packages be tested again, and those go that were held back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Section
from piufarm.errors import UsageError
from piufarm.master.commands.selection import select_sections
from piufarm.master.evaluator import evaluate_alone
from piufarm.master.exchange.side_files import logs_with_problem
from piufarm.master.layout import section_files
from piufarm.master.session.machine import utc_now
from piufarm.names import InvalidName, Package, Version, log_name
from piufarm.store import open_store
from piufarm.store.model import Placement, Store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("packages", metavar="PACKAGE", nargs="*", help="test these again, or let them go")
    parser.add_argument("--problem", metavar="NAME", help="those beside whose logs a .kpr names this known problem")
    parser.add_argument("--older-than", metavar="DAYS", type=int, help="those whose results are older than this")
    parser.add_argument("--held-back", action="store_true", help="those that are held back after too many troubles")
    parser.add_argument(
        "--section", metavar="SECTION", action="append", default=[],
        help="in this section (may be repeated; default: those of the key `sections`, else all)",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only print which packages these are")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Mark the packages in each section; slaves get them when they ask for packages to test again."""
    wanted = _wanted(arguments)
    configuration = load(arguments.config)
    store = open_store(configuration.farm.state, create=False)
    try:
        sections = select_sections(configuration, arguments.section)
        choice = _Choice(store, configuration.farm.master_directory, arguments)
        found = {section: choice.packages(section, wanted) for section in sections}
        _refuse_unknown(wanted, found)
        if arguments.dry_run and not any(found.values()):
            print("no package is like that", file=sys.stderr)
        for section, packages in found.items():
            if arguments.dry_run:
                print("".join(f"{section.name}: {package}\n" for package in packages), end="")
            elif packages or not wanted:
                _recycle(store, section, packages, tell_each=bool(wanted))
    finally:
        store.close()
    return 0


def _wanted(arguments: argparse.Namespace) -> Sequence[Package]:
    chooses = arguments.problem is not None or arguments.older_than is not None
    if [bool(arguments.packages), chooses, arguments.held_back].count(True) != 1:
        raise UsageError("name packages, or choose them by --problem and --older-than, or by --held-back")
    if arguments.older_than is not None and arguments.older_than < 0:
        raise UsageError(f"--older-than {arguments.older_than}: a number of days that have passed, such as 180")
    try:
        return list(map(Package, dict.fromkeys(arguments.packages)))
    except InvalidName as error:
        raise UsageError(str(error)) from error


@dataclass(frozen=True)
class _Choice:
    """Which packages of a section are meant."""

    store: Store
    master_directory: Path
    arguments: argparse.Namespace

    def packages(self, section: Section, wanted: Sequence[Package]) -> Sequence[Package]:
        """Those that are wanted, or that the options choose, as far as the section has them."""
        if wanted:
            rows = {name: self.store.package(section.name, name) for name in wanted}
            return [name for name, row in rows.items() if row is not None and row.listed]
        if self.arguments.held_back:
            return [hold.package for hold in self.store.holds(section.name)]
        before = _before(self.arguments.older_than)
        if self.arguments.problem is None:
            return self.store.tested_packages(section.name, before=before)
        return self._with_problem(section, self.arguments.problem.removesuffix(".conf"), before)

    def _with_problem(self, section: Section, problem: str, before: datetime | None) -> Sequence[Package]:
        """Those that came with this problem by an import, or beside whose logs a classifier has noted it since."""
        imported = self.store.tested_packages(section.name, problem=problem, before=before)
        folder = section_files(self.master_directory, section.name).root
        noted = {log for placement in Placement for log in logs_with_problem(folder / placement, problem)}
        if not noted:
            return imported
        versions = self.store.versions(section.name).items()
        chosen = {name for name, version in versions if log_name(Package(name), Version(version)) in noted}
        chosen.update(imported)
        return [name for name in self.store.tested_packages(section.name, before=before) if name in chosen]


def _before(days: int | None) -> datetime | None:
    if days is None:
        return None
    try:
        return utc_now() - timedelta(days=days)
    except OverflowError as error:
        raise UsageError(f"--older-than {days}: there was no farm so long ago") from error


def _refuse_unknown(wanted: Sequence[Package], found: Mapping[Section, Sequence[Package]]) -> None:
    known = {name for packages in found.values() for name in packages}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        where = ", ".join(section.name for section in found) or "no section"
        raise UsageError(f"not tested in {where}: {', '.join(unknown)}", hint="nothing was marked")


def _recycle(store: Store, section: Section, packages: Sequence[Package], *, tell_each: bool) -> None:
    done = store.queue_recycle(section.name, packages, now=utc_now())
    if store.evaluation_due(section.name):
        evaluate_alone(store, section.name)
    if tell_each:
        for package, acted in done.items():
            print(f"{section.name}: {package} {'is' if acted else 'has no result yet: it is'} to be tested")
    else:
        marked = sum(done.values())
        print(f"{section.name}: {marked} package{'' if marked == 1 else 's'} to be tested again")
