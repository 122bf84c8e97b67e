"""The part of the command line that says what is checked, and what is only worth a warning."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from piufarm.slave.tester.command_line.choices import listed, one_of
from piufarm.slave.tester.command_line.options import UsrMove


class _Ignore(argparse.Action):
    """-i, -I and -n share one list, because each -n forgets what came before it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        namespace.ignores = [*namespace.ignores, (self.const, values)]


def add_checks(group: argparse._ArgumentGroup) -> None:
    """Which checks run, and what they may overlook."""
    _add_ignores(group)
    group.add_argument("--compat", action="store_true",
                       help="judge exactly as the predecessor does (default: find more than it does)")
    group.add_argument("-N", "--no-symlinks", action="store_true", help="do not look for broken symbolic links")
    group.add_argument("--fail-on-broken-symlinks", action="store_true", help="fail for broken symbolic links")
    group.add_argument("--no-diversions", action="store_true", help="do not look at diversions")
    group.add_argument("--no-adequate", action="store_true", help="do not run adequate, even where it is installed")
    group.add_argument("--fail-if-inadequate", action="store_true", help="fail for what adequate finds")
    group.add_argument("--skip-cronfiles-test", action="store_true", help="do not run cron files after removal")
    group.add_argument("--skip-logrotatefiles-test", action="store_true", help="do not run logrotate after removal")
    _add_warnings(group)
    group.add_argument("--list-installed-files", action="store_true",
                       help="log which files each installation adds, removes and changes")


def _add_ignores(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-i", "--ignore", metavar="PATH", action=_Ignore, dest="ignores", const="path", default=[],
                       help="an absolute path that may be left or changed; a directory ends in /; `:PATH` notes it in "
                            "the log (repeat)")
    group.add_argument("-I", "--ignore-regex", "--ignore-regexp", metavar="RE", action=_Ignore, dest="ignores",
                       const="regex", help="the same as a regular expression (repeat)")
    group.add_argument("-n", "--no-ignores", action=_Ignore, dest="ignores", const="none", nargs=0,
                       help="forget the built-in paths and all -i and -I before this option")
    group.add_argument("--pedantic-purge-test", action="store_true", help="mind files left in /tmp")


def _add_warnings(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--warn-on-others", action="store_true",
                       help="do not fail for files that other packages leave, lose or change")
    group.add_argument("--warn-on-leftovers-after-purge", action="store_true", help="only mention files left behind")
    group.add_argument("--warn-on-debsums-errors", action="store_true", help="do not fail for changed packaged files")
    group.add_argument("--warn-on-install-over-symlink", action="store_true", help="do not fail for files below links")
    group.add_argument("--warn-on-usr-move", metavar=listed(tuple(UsrMove)), type=one_of(tuple(UsrMove)),
                       default=UsrMove.DISABLED,
                       help="upgrades: what becomes of files that move between / and /usr (default: disabled)")
