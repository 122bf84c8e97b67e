"""The command line of `piufarm test`: the predecessor's options and ours, grouped by purpose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from piufarm import __version__
from piufarm.slave.tester.command_line.check_arguments import add_checks
from piufarm.slave.tester.command_line.options import (
    COMMAND_OUTPUT_MEBIBYTES,
    COMMAND_SECONDS,
    LAYERS_MEBIBYTES,
    TEST_SECONDS,
)
from piufarm.slave.tester.command_line.root_arguments import add_archive, add_policy, add_root
from piufarm.slave.tester.output.log import Level

USAGE: Final = (
    "piufarm test [OPTION…] FILE.deb|FILE.changes…\n"
    "       piufarm test [OPTION…] --apt PACKAGE[=VERSION]…\n"
    "       piufarm test [OPTION…] -d SUITE -d SUITE… --apt PACKAGE[=VERSION]…\n"
    "       piufarm test [OPTION…] --no-install-purge-test --no-upgrade-test --save FILE --apt TARBALL"
)
EPILOG: Final = (
    "Exit status: 0 the packages passed, 1 they failed, 2 the command line is wrong, 3 the farm itself is in trouble "
    "(network, mirror, disk, base image), which says nothing about the packages. Options and operands may be mixed; "
    "long options may be cut as far as they stay unique; those marked (repeat) may be given several times."
)
# What the predecessor has and nobody needs here, and what to use instead.
_REFUSED: Final = (
    (("--lvm-volume", "--lvm-snapshot-size"), "--existing-chroot DIR where it is mounted; nothing is written there"),
    (("--docker-image",), "--basetgz FILE, a tarball made by `docker export`"),
)


class _Refused(argparse.Action):
    """An option of the predecessor that something else stands in for."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        parser.error(f"{option_string} is not supported: use {self.const}")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add all options and operands."""
    parser.usage = USAGE
    parser.epilog = EPILOG
    parser.add_argument("operands", nargs="*", metavar="PACKAGE", help="what to test: .deb or .changes files, or names")
    parser.add_argument("-V", "--version", action="version", version=f"piufarm {__version__}",
                        help="print name and version")
    _add_what(parser.add_argument_group("what is tested"))
    _add_tests(parser.add_argument_group("tests"))
    _add_our_tests(parser.add_argument_group("further tests, which the predecessor does not have"))
    add_root(parser.add_argument_group("the root file system"))
    add_archive(parser.add_argument_group("the archive"))
    add_policy(parser.add_argument_group("how apt and dpkg behave"))
    add_checks(parser.add_argument_group("checks"))
    _add_output(parser.add_argument_group("output and limits"))
    _add_layers(parser.add_argument_group("layers of dependencies, for batches"))
    for names, instead in _REFUSED:
        for name in names:
            parser.add_argument(name, action=_Refused, const=instead, help=argparse.SUPPRESS)


def _add_what(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-a", "--apt", action="store_true",
                       help="operands are names for apt, not files: NAME, NAME=VERSION, NAME:ARCH, NAME/SUITE; "
                            "NAME=None is a package that a later suite does not have any more")
    group.add_argument("--single-changes-list", action="store_true", help="test the files of all .changes together")
    group.add_argument("--single-packages", action="store_true", help="test each package (not each .changes) alone")
    group.add_argument("--testdebs-repo", metavar="REPO",
                       help="where the packages under test come from: a directory, a URL or a whole `deb` line; "
                            "in sources.list only while they are being installed")
    group.add_argument("--extra-old-packages", metavar="NAME,NAME", action="append", default=[],
                       help="install these together with the old versions, where the archive has them (repeat)")
    group.add_argument("--scriptsdir", metavar="DIR", action="append", default=[], type=Path,
                       help="run the scripts of this directory at their phases; those of a later directory replace "
                            "others of the same name (repeat)")


def _add_tests(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--no-install-purge-test", action="store_true", help="do not install and purge the packages")
    group.add_argument("--no-upgrade-test", action="store_true", help="do not upgrade from the archive's version")
    group.add_argument("--install-purge-install", action="store_true", help="install, purge, install again, then purge")
    group.add_argument("--install-remove-install", action="store_true",
                       help="install, remove, install again; the configuration files stay in between")
    group.add_argument("--upgrade-before-dist-upgrade", action="store_true",
                       help="between suites: `apt-get upgrade` before each `apt-get dist-upgrade`")
    group.add_argument("--distupgrade-to-testdebs", action="store_true",
                       help="between suites: the last upgrade already sees the packages of --testdebs-repo")
    group.add_argument("--distupgrade-to-testdebs-from", metavar="DIR", type=Path,
                       help="the same as --bindmount DIR --testdebs-repo DIR --distupgrade-to-testdebs")
    group.add_argument("-S", "--save-end-meta", metavar="FILE", type=Path,
                       help="between suites: write what the last suite looks like without the packages")
    group.add_argument("-B", "--end-meta", metavar="FILE", type=Path,
                       help="between suites: read that, if it exists, instead of upgrading an empty root first")


def _add_our_tests(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--delete-conffiles-test", action="store_true",
                       help="delete all configuration files, then install again: none may come back")
    group.add_argument("--edited-conffile-test", action="store_true",
                       help="edit all configuration files, then install again: they must stay as edited")
    group.add_argument("--reconfigure-test", action="store_true",
                       help="deconfigure the packages, then configure them: nothing may change")
    group.add_argument("--stop-without-daemon-test", action="store_true",
                       help="stop services that do not run, and remove them: neither may fail")
    group.add_argument("--interrupted-unpack-test", action="store_true",
                       help="kill dpkg in the middle, recover: the end must be the same")


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-l", "--log-file", "--logfile", metavar="FILE", type=Path, help="append the log to this file")
    group.add_argument("--log-level", metavar="LEVEL", type=_level, default=Level.DUMP,
                       help="error, warning, info, debug or dump (default)")
    group.add_argument("--result", metavar="FILE", type=Path, help="write the result to this file, as JSON")
    group.add_argument("--shell-on-error", action="store_true",
                       help="when packages fail, start a shell in their root before it goes")
    group.add_argument("-k", "--keep-env", "--keep-tmpdir", action="store_true",
                       help="keep a copy of each root when its test is over (piufarm kept --help)")
    group.add_argument("--max-command-output-size", metavar="MB", type=_positive, default=COMMAND_OUTPUT_MEBIBYTES,
                       help="limit for the output of one command (default: 8)")
    group.add_argument("--command-runtime", metavar="SECONDS", type=_positive, default=COMMAND_SECONDS,
                       help="limit for the run time of one command (default: 3600)")
    group.add_argument("--total-runtime", metavar="SECONDS", type=_positive, default=TEST_SECONDS,
                       help="limit for the time from the making of a root to its end (default: 21600)")
    group.add_argument("--quota-memory", metavar="MB", type=_positive,
                       help="limit for the memory of all processes (default: a quarter of the host's, 1 to 4 GB)")
    group.add_argument("--quota-disk", metavar="MB", type=_positive,
                       help="limit for what is written (default: a third of the host's memory, 1 to 16 GB)")
    group.add_argument("--quota-processes", metavar="N", type=_positive,
                       help="limit for the number of processes (default: 2000)")
    group.add_argument("--no-limits", action="store_true", help="run even where not everything can be limited")
    group.add_argument("-t", "--tmpdir", metavar="DIR", type=Path, help="where logs say the root is ($TMPDIR, /tmp)")
    group.add_argument("-v", "--verbose", action="store_true", help="show the whole log at a terminal, too")


def _add_layers(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--plan-layers", metavar="FILE", type=Path,
                       help="write to FILE what tests of these packages need to fetch, which dependencies they share, "
                            "and their best order; test nothing")
    group.add_argument("--layers", metavar="FILE", type=Path,
                       help="let tests stand on ready layers of dependencies, made where FILE says so")
    group.add_argument("--recheck-layers", action="store_true",
                       help="test from the base alone, too: that counts; a difference is told, its layers are dropped")
    group.add_argument("--layers-disk", metavar="MB", type=_positive, default=LAYERS_MEBIBYTES,
                       help="what the layers of a base may take up (default: 8192)")


def _level(text: str) -> Level:
    """A level by name; an unknown one shows everything, as it always has."""
    return Level.__members__.get(text.upper(), Level.DUMP)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"not a positive number: {text}")
    return number
