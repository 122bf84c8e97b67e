"""`piufarm kept enter DIR`: a shell in a kept root, shut in as its test was."""

from __future__ import annotations

import argparse
from pathlib import Path

from piufarm.errors import UsageError
from piufarm.slave.chroot.terminal import Terminal
from piufarm.slave.tester.inspection import talk
from piufarm.slave.tester.kept.root import entered


def configure(parser: argparse.ArgumentParser) -> None:
    """Add which one."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="the folder that --keep-env has named")


def main(arguments: argparse.Namespace) -> int:
    """Return when the shell has ended."""
    if not Terminal.is_there():
        raise UsageError("a shell needs a terminal")
    with entered(arguments.directory.absolute()) as supervisor:
        talk(supervisor, f"This is a shell in the root below {arguments.directory}. What you change stays changed.")
    return 0
