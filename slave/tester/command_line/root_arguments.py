"""The part of the command line that says what the root file system is like."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from piufarm.config.model import ChrootBackend, NetworkScope
from piufarm.slave.tester.command_line.choices import listed, one_of

_PBUILDER: Final = Path("/var/cache/pbuilder/base.tgz")
_SCOPES: Final = tuple(NetworkScope)
_OWN: Final = (ChrootBackend.OVERLAY, ChrootBackend.COPY)


def add_root(group: argparse._ArgumentGroup) -> None:
    """Where it comes from, and what is done to it before a test."""
    group.add_argument("-d", "--distribution", metavar="SUITE", action="append", default=[],
                       help="the suite to test in (default: sid; ubuntu: devel); given twice or more: install in the "
                            "first one, upgrade through the others (repeat)")
    group.add_argument("-b", "--basetgz", metavar="FILE", type=Path, dest="tarball",
                       help="take it from this tarball (.tar, .tar.gz, .tar.xz, .tar.zst), unpacked once")
    group.add_argument("-p", "--pbuilder", action="store_const", dest="tarball", const=_PBUILDER,
                       help="the same as -b /var/cache/pbuilder/base.tgz; the last of both counts")
    group.add_argument("-e", "--existing-chroot", metavar="DIR", type=Path,
                       help="take it from this directory, which is never changed")
    group.add_argument("--hard-link", action="store_true", help="accepted: with -e nothing is copied for a test anyway")
    group.add_argument("--schroot", metavar="NAME", help="use this schroot, made by `piufarm slave setup-schroot`")
    group.add_argument("--chroot-backend", metavar=listed(_OWN), type=one_of(_OWN), default=ChrootBackend.OVERLAY,
                       help="how a test gets a root of its own from the base: an overlay over it (default), or a copy")
    group.add_argument("--arch", metavar="ARCH", help="architecture (default: the host's)")
    group.add_argument("--merged-usr", action="store_true", help="merge /usr (default: by the suite's rule)")
    group.add_argument("--bindmount", metavar="DIR", type=Path, action="append", default=[],
                       help="show this directory of the host at the same place inside, read-only (repeat)")
    group.add_argument("--minimize", action="store_true",
                       help="first remove what debfoster finds superfluous; wins over --skip-minimize")
    group.add_argument("--skip-minimize", action="store_true", help="do not (default)")
    group.add_argument("--debfoster-options", metavar="OPTIONS", help="what debfoster is called with, in one word")
    group.add_argument("--fake-essential-packages", metavar="NAME,NAME", action="append", default=[],
                       help="install these first and never remove them, as if they were essential (repeat)")
    group.add_argument("-s", "--save", metavar="FILE", type=Path, help="write the prepared root to this tarball")


def add_archive(group: argparse._ArgumentGroup) -> None:
    """Where packages come from."""
    group.add_argument("-m", "--mirror", metavar="URL [COMPONENT…]", action="append", default=[],
                       help="an archive; the root is made from the first (default: the host's own) (repeat)")
    group.add_argument("-D", "--defaults", choices=("debian", "ubuntu"),
                       help="whose suites, components and keyring to use (default: those of the host)")
    group.add_argument("--extra-repo", metavar="LINE", action="append", default=[],
                       help="further line of sources.list (repeat)")
    group.add_argument("--keep-sources-list", action="store_true", help="leave the root's sources.list as it is")
    group.add_argument("-K", "--keyring", metavar="FILE", type=Path, help="the archive's keys, trusted in the root too")
    group.add_argument("--do-not-verify-signatures", action="store_true", help="accept unsigned archives")
    group.add_argument("--no-check-valid-until", action="store_true", help="accept expired archives")
    group.add_argument("--network", metavar=listed(_SCOPES), type=one_of(_SCOPES), default=NetworkScope.APT,
                       help="what can be reached from a test: `apt` (default): the archives, by apt, and not while "
                            "maintainer scripts run; `archives`: the archives, always; `any`: public servers, always")
    group.add_argument("--proxy", metavar="URL", help="fetch through this proxy (default: the environment's)")
    group.add_argument("--update-retries", metavar="N", type=int, default=0, help="repeat a failing update")


def add_policy(group: argparse._ArgumentGroup) -> None:
    """What apt and dpkg are told."""
    group.add_argument("--install-recommends", action="store_true", help="install recommended packages, too")
    group.add_argument("--install-suggests", action="store_true", help="install suggested packages, too")
    group.add_argument("--dpkg-noforce-unsafe-io", action="store_true", help="let dpkg sync files")
    group.add_argument("--dpkg-force-confdef", action="store_true", help="dpkg takes the default at conffile prompts")
    group.add_argument("--allow-database", action="store_true",
                       help="let database servers start in the root, and go on running while packages are installed")
    group.add_argument("--no-eatmydata", action="store_true", help="accepted: writes never reach a disk anyway")
