"""`piufarm kept remove DIR…`: kept roots go."""

from __future__ import annotations

import argparse
from pathlib import Path

from piufarm.slave.tester.kept.root import remove


def configure(parser: argparse.ArgumentParser) -> None:
    """Add which ones."""
    parser.add_argument("directories", metavar="DIR", nargs="+", type=Path,
                        help="the folders that --keep-env has named")


def main(arguments: argparse.Namespace) -> int:
    """Nothing but these folders is touched."""
    for directory in arguments.directories:
        remove(directory.absolute())
    return 0
