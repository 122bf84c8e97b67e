"""`piufarm master fsck`: do the store and the log files agree?"""

from __future__ import annotations

import argparse

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.master.commands.selection import add_sections_argument, select_sections
from piufarm.master.layout import section_files
from piufarm.master.upkeep.fsck import Check
from piufarm.master.upkeep.takeover import take_over_files
from piufarm.names import SectionName
from piufarm.store import open_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_sections_argument(parser)
    parser.add_argument("--repair", action="store_true", help="mend what differs instead of only telling it")
    parser.add_argument("--deep", action="store_true", help="read every log and compare its SHA-256 (slow)")
    parser.add_argument(
        "--from-files",
        action="store_true",
        help="enter logs that the store does not know, as after the loss of the database; implies --repair",
    )
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Check the sections; 1 if something differs that was not mended."""
    configuration = load(arguments.config)
    repair = arguments.repair or arguments.from_files
    store = open_store(configuration.farm.state, create=arguments.from_files)
    left = 0
    try:
        for section in select_sections(configuration, arguments.sections):
            files = section_files(configuration.farm.master_directory, section.name)
            if arguments.from_files:
                for sentence in take_over_files(store, section.name, files):
                    print(sentence)
            left += _check(Check(store, section.name, files, arguments.deep), repair, section.name)
    finally:
        store.close()
    return 1 if left else 0


def _check(check: Check, repair: bool, section: SectionName) -> int:
    """Print what differs and mend it if asked; returns how much is left."""
    mended = left = 0
    for difference in check.differences():
        if repair and difference.mend is not None:
            difference.mend()
            mended += 1
            print(f"{difference.text}: {difference.remedy}")
        else:
            left += 1
            how = f" (--repair: {difference.remedy})" if difference.mend is not None else ""
            how = how or (f" ({difference.remedy})" if difference.remedy else "")
            print(f"{difference.text}{how}")
    if not mended and not left:
        print(f"{section}: clean")
    else:
        print(f"{section}: {mended} mended, {left} left")
    return left
