"""`piufarm kept list`: which roots have been kept, and since when."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path

from piufarm.slave.tester.kept.root import kept_in


def configure(parser: argparse.ArgumentParser) -> None:
    """Add where to look."""
    parser.add_argument("-t", "--tmpdir", metavar="DIR", type=Path, help="where they lie (default: $TMPDIR, /tmp)")


def main(arguments: argparse.Namespace) -> int:
    """Print one line for each."""
    for place in kept_in(arguments.tmpdir or Path(os.environ.get("TMPDIR") or "/tmp")):
        print(f"{datetime.fromtimestamp(place.stat().st_mtime):%Y-%m-%d %H:%M}  {place}")
    return 0
