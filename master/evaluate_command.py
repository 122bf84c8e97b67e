"""`piufarm master evaluate`: work out what new results mean for the packages that depend on them."""

from __future__ import annotations

import argparse

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.master.evaluator import evaluate_alone
from piufarm.master.layout import section_files
from piufarm.master.selection import add_sections_argument, select_sections
from piufarm.store import open_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_sections_argument(parser)
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Evaluate each section that has something new."""
    configuration = load(arguments.config)
    store = open_store(configuration.farm.state, create=False)
    try:
        for section in select_sections(configuration, arguments.sections):
            files = section_files(configuration.farm.master_directory, section.name)
            if not store.evaluation_due(section.name):
                continue
            changed = evaluate_alone(store, section.name, files.root)
            print(f"{section.name}: {'being evaluated' if changed is None else f'{changed} packages changed'}")
    finally:
        store.close()
    return 0
