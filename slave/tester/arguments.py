"""The command line of `piufarm test`: the predecessor's options, grouped by purpose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from piufarm.slave.tester.log import Level

USAGE: Final = (
    "piufarm test [OPTION…] FILE.deb|FILE.changes…\n"
    "       piufarm test [OPTION…] --apt PACKAGE[=VERSION]…\n"
    "       piufarm test [OPTION…] --no-install-purge-test --no-upgrade-test --save FILE --apt TARBALL"
)
EPILOG: Final = (
    "Exit status: 0 the packages passed, 1 they failed, 2 the command line is wrong, 3 the farm itself is in trouble "
    "(network, mirror, disk, base image), which says nothing about the packages. Options and operands may be mixed."
)
# What the predecessor has and this tester does not have yet: option strings -> number of values.
_NOT_YET: Final = (
    (("--testdebs-repo",), 1),
    (("--distupgrade-to-testdebs",), 0),
    (("--distupgrade-to-testdebs-from",), 1),
    (("--hard-link",), 0),
    (("--lvm-volume",), 1),
    (("--lvm-snapshot-size",), 1),
    (("--docker-image",), 1),
    (("--bindmount",), 1),
    (("--minimize",), 0),
    (("--debfoster-options",), 1),
    (("--extra-old-packages",), 1),
    (("--fake-essential-packages",), 1),
    (("--scriptsdir",), 1),
    (("--install-purge-install",), 0),
    (("--install-remove-install",), 0),
    (("--upgrade-before-dist-upgrade",), 0),
    (("-S", "--save-end-meta"), 1),
    (("-B", "--end-meta"), 1),
    (("--fail-if-inadequate",), 0),
    (("--warn-on-others",), 0),
    (("--list-installed-files",), 0),
    (("-k", "--keep-env", "--keep-tmpdir"), 0),
    (("--shell-on-error",), 0),
)


class _NotYet(argparse.Action):
    """An option of the predecessor that would change the test and is not there yet."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        parser.error(f"not supported yet: {option_string}")


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


def configure(parser: argparse.ArgumentParser) -> None:
    """Add all options and operands."""
    parser.usage = USAGE
    parser.epilog = EPILOG
    parser.add_argument("operands", nargs="*", metavar="PACKAGE", help="what to test: .deb or .changes files, or names")
    _add_what(parser.add_argument_group("what is tested"))
    _add_root(parser.add_argument_group("the root file system"))
    _add_archive(parser.add_argument_group("the archive"))
    _add_policy(parser.add_argument_group("how apt and dpkg behave"))
    _add_checks(parser.add_argument_group("checks"))
    _add_output(parser.add_argument_group("output and limits"))
    for names, values in _NOT_YET:
        parser.add_argument(*names, nargs=values or 0, action=_NotYet, help=argparse.SUPPRESS)


def _add_what(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-a", "--apt", action="store_true", help="operands are names for apt, not files")
    group.add_argument("--single-changes-list", action="store_true", help="test the files of all .changes together")
    group.add_argument("--single-packages", action="store_true", help="test each package (not each .changes) alone")
    group.add_argument("--no-install-purge-test", action="store_true", help="do not install and purge the packages")
    group.add_argument("--no-upgrade-test", action="store_true",
                       help="do not upgrade from the archive's version (needed with files: not built yet)")


def _add_root(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-b", "--basetgz", metavar="FILE", type=Path, dest="tarball", help="unpack it from this tarball")
    group.add_argument("-p", "--pbuilder", action="store_const", dest="tarball",
                       const=Path("/var/cache/pbuilder/base.tgz"), help="the same as -b /var/cache/pbuilder/base.tgz")
    group.add_argument("-e", "--existing-chroot", metavar="DIR", type=Path, help="copy it from this directory")
    group.add_argument("--schroot", metavar="NAME", help="use this schroot, made by `piufarm slave setup-schroot`")
    group.add_argument("-d", "--distribution", metavar="SUITE", action="append", default=[],
                       help="the suite to test in (default: sid)")
    group.add_argument("--arch", metavar="ARCH", help="architecture (default: the host's)")
    group.add_argument("--merged-usr", action="store_true", help="merge /usr (default: by the suite's rule)")
    group.add_argument("-t", "--tmpdir", metavar="DIR", type=Path, help="where logs say the root is ($TMPDIR, /tmp)")
    group.add_argument("-s", "--save", metavar="FILE", type=Path, help="write the prepared root to this tarball")
    group.add_argument("--skip-minimize", action="store_true", help="the root is never minimised (accepted)")


def _add_archive(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-m", "--mirror", metavar="URL [COMPONENT…]", action="append", default=[],
                       help="archive (default: the host's own)")
    group.add_argument("-D", "--defaults", choices=("debian", "ubuntu"), help="whose components and keyring to use")
    group.add_argument("--extra-repo", metavar="LINE", action="append", default=[], help="further line of sources.list")
    group.add_argument("--keep-sources-list", action="store_true", help="leave the root's sources.list as it is")
    group.add_argument("-K", "--keyring", metavar="FILE", type=Path, help="the archive's keys, trusted in the root too")
    group.add_argument("--do-not-verify-signatures", action="store_true", help="accept unsigned archives")
    group.add_argument("--no-check-valid-until", action="store_true", help="accept expired archives")
    group.add_argument("--proxy", metavar="URL", help="fetch through this proxy (default: the environment's)")
    group.add_argument("--update-retries", metavar="N", type=int, default=0, help="repeat a failing update")


def _add_policy(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--install-recommends", action="store_true", help="install recommended packages, too")
    group.add_argument("--install-suggests", action="store_true", help="install suggested packages, too")
    group.add_argument("--dpkg-noforce-unsafe-io", action="store_true", help="let dpkg sync files")
    group.add_argument("--dpkg-force-confdef", action="store_true", help="dpkg takes the default at conffile prompts")
    group.add_argument("--allow-database", action="store_true", help="let database servers start in the root")
    group.add_argument("--no-eatmydata", action="store_true", help="accepted: writes never reach a disk anyway")


def _add_checks(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-i", "--ignore", metavar="PATH", action=_Ignore, dest="ignores", const="path", default=[],
                       help="a path that may be left or changed; a directory ends in /; `:PATH` notes it in the log")
    group.add_argument("-I", "--ignore-regex", "--ignore-regexp", metavar="RE", action=_Ignore, dest="ignores",
                       const="regex", help="the same as a regular expression")
    group.add_argument("-n", "--no-ignores", action=_Ignore, dest="ignores", const="none", nargs=0,
                       help="forget the built-in paths and all -i and -I before this option")
    group.add_argument("--pedantic-purge-test", action="store_true", help="mind files left in /tmp")
    group.add_argument("-N", "--no-symlinks", action="store_true", help="do not look for broken symbolic links")
    group.add_argument("--fail-on-broken-symlinks", action="store_true", help="fail for broken symbolic links")
    group.add_argument("--no-diversions", action="store_true", help="do not look at diversions")
    group.add_argument("--no-adequate", action="store_true", help="accepted: adequate is never run")
    group.add_argument("--skip-cronfiles-test", action="store_true", help="do not run cron files after removal")
    group.add_argument("--skip-logrotatefiles-test", action="store_true", help="do not run logrotate after removal")
    group.add_argument("--warn-on-leftovers-after-purge", action="store_true", help="only mention files left behind")
    group.add_argument("--warn-on-debsums-errors", action="store_true", help="do not fail for changed packaged files")
    group.add_argument("--warn-on-install-over-symlink", action="store_true", help="do not fail for files below links")
    group.add_argument("--warn-on-usr-move", choices=("disabled", "warn", "fail"), default="disabled",
                       help="accepted: matters to upgrades alone")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-l", "--log-file", "--logfile", metavar="FILE", type=Path, help="append the log to this file")
    group.add_argument("--log-level", metavar="LEVEL", type=_level, default=Level.DUMP,
                       help="error, warning, info, debug or dump (default)")
    group.add_argument("--result", metavar="FILE", type=Path, help="write the result to this file, as JSON")
    group.add_argument("--max-command-output-size", metavar="MB", type=_positive, default=8,
                       help="limit for the output of one command (default: 8)")
    group.add_argument("--max-command-runtime", metavar="SECONDS", type=_positive, default=3600,
                       help="limit for the run time of one command (default: 3600)")
    group.add_argument("--no-limits", action="store_true", help="run even where not everything can be limited")
    group.add_argument("-v", "--verbose", action="store_true", help="accepted, without effect")


def _level(text: str) -> Level:
    """A level by name; an unknown one shows everything, as it always has."""
    return Level.__members__.get(text.upper(), Level.DUMP)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"not a positive number: {text}")
    return number
