"""`piufarm slave setup-schroot`: root makes, or refreshes, the base image of an unprivileged slave account."""

from __future__ import annotations

import argparse
import json
import os
import pwd
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from piufarm.errors import FarmError, UsageError
from piufarm.files import atomic_write
from piufarm.slave.bases.prepare import default_cache, prepare_on
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.shelf import Shelf
from piufarm.slave.chroot.schroot import CURRENT
from piufarm.slave.network.access import NetworkAccess

_DIRECTORY: Final = Path("/var/lib/piufarm/schroot")
_CHROOT_D: Final = Path("/etc/schroot/chroot.d")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_PERSONALITY: Final = {"i386": "linux32", "armhf": "linux32", "armel": "linux32"}


@dataclass(frozen=True)
class _Setup:
    """What was asked for; kept beside the base for --refresh."""

    suite: str
    arch: str | None
    user: str
    mirrors: tuple[str, ...]
    keyring: str | None
    verify: bool
    check_valid_until: bool
    tarball: str | None
    proxy: str | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.epilog = (
        "Makes a root-owned base image and a schroot that leads to it, piufarm-SUITE-ARCH. The account may become"
        " root in there, and thereby on this host: it is trusted like root, it only need not work as root. Run it"
        " again, or with --refresh from a timer, to bring the base up to date; running tests keep what they use."
    )
    parser.add_argument("suite", metavar="SUITE", help="such as sid; an entry of distros.conf counts")
    parser.add_argument("--user", metavar="ACCOUNT", help="the account that runs the slave")
    parser.add_argument("--arch", help="architecture of the base (default: the host's)")
    parser.add_argument("--mirror", action="append", default=[], metavar="LINE", help='"URL COMPONENT…", as for test')
    parser.add_argument("--keyring", type=Path, metavar="FILE", help="keys that sign the archive")
    parser.add_argument("--do-not-verify-signatures", action="store_true", help="take an unsigned archive")
    parser.add_argument("--no-check-valid-until", action="store_true", help="take an archive that has expired")
    parser.add_argument("--tarball", type=Path, metavar="FILE", help="start from this root file system")
    parser.add_argument("--proxy", metavar="URL", help="http proxy for everything that is fetched")
    parser.add_argument("--refresh", action="store_true", help="bring a base up to date, set up as it was before")
    parser.add_argument("--directory", type=Path, default=_DIRECTORY, metavar="DIR", help="default: %(default)s")
    parser.add_argument("--schroot-conf", type=Path, default=_CHROOT_D, metavar="DIR", help="default: %(default)s")


def main(arguments: argparse.Namespace) -> int:
    """Set up or refresh. Raises UsageError, FarmError."""
    if os.geteuid() != 0:
        raise UsageError("setting up a schroot needs root")
    arch = arguments.arch or _host_architecture()
    name = f"piufarm-{arguments.suite}-{arch}"
    if not _NAME.fullmatch(name):
        raise UsageError(f"a schroot cannot be named {name!r}", hint="lower case letters, digits, . + -")
    folder = arguments.directory.absolute() / name
    setup = _read_setup(folder / "setup.json") if arguments.refresh else _from_arguments(arguments, arch)
    account = _account(setup.user)
    folder.mkdir(parents=True, exist_ok=True)
    with _prepare(setup, folder, account.pw_gid) as base:
        atomic_write(folder / "setup.json", json.dumps(setup.__dict__, indent=1) + "\n")
        text = _chroot_text(name, folder, setup.user, arch)
        atomic_write(arguments.schroot_conf / name, text)
        print(f"schroot {name}: base {base.base_id}, {len(base.packages)} packages, for account {setup.user}")
        print(f"  try it: su -s /bin/sh {setup.user} -c 'piufarm test --schroot {name} -d {setup.suite} --apt hello'")
    return 0


def _from_arguments(arguments: argparse.Namespace, arch: str) -> _Setup:
    if arguments.user is None:
        raise UsageError("whose schroot shall it be?", hint="give the slave's account with --user")
    return _Setup(
        suite=arguments.suite,
        arch=arch,
        user=arguments.user,
        mirrors=tuple(arguments.mirror),
        keyring=str(arguments.keyring.absolute()) if arguments.keyring else None,
        verify=not arguments.do_not_verify_signatures,
        check_valid_until=not arguments.no_check_valid_until,
        tarball=str(arguments.tarball.absolute()) if arguments.tarball else None,
        proxy=arguments.proxy,
    )


def _read_setup(path: Path) -> _Setup:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return _Setup(**{**content, "mirrors": tuple(content["mirrors"])})
    except OSError as error:
        raise FarmError(f"nothing to refresh: no {path}", hint="set it up first, without --refresh") from error
    except (ValueError, TypeError, KeyError) as error:
        raise FarmError(f"not understood: {path}: {error}", hint="set it up again, without --refresh") from error


def _account(name: str) -> pwd.struct_passwd:
    try:
        account = pwd.getpwnam(name)
    except KeyError as error:
        raise UsageError(f"there is no account {name}", hint=f"adduser --system --group {name}") from error
    if account.pw_uid == 0:
        raise UsageError("root needs no schroot", hint="root uses chroot-backend = overlay")
    return account


def _prepare(setup: _Setup, folder: Path, reader_gid: int) -> PreparedBase:
    from piufarm.slave.tester.command_line.options import RootOptions
    from piufarm.slave.tester.roots.base_request import base_request, host_distros, mirrors, repositories, sources_list

    options = RootOptions(
        tarball=Path(setup.tarball) if setup.tarball else None,
        distribution=setup.suite,
        mirrors=setup.mirrors,
        arch=setup.arch,
        keyring=Path(setup.keyring) if setup.keyring else None,
        verify_signatures=setup.verify,
        check_valid_until=setup.check_valid_until,
        proxy=setup.proxy,
    )
    archives = mirrors(options)
    distros = host_distros()
    reachable = dict.fromkeys(uri for uri, _ in repositories(sources_list(options, archives, distros)))
    network = NetworkAccess(tuple(reachable), default_cache() / "debs", setup.proxy)
    request = base_request(options, archives, distros)
    shelf = Shelf(folder, reader_gid=reader_gid, durable=True)
    return prepare_on(shelf, request, network, lambda line: print(line, file=sys.stderr))


def _host_architecture() -> str:
    import apt_pkg

    apt_pkg.init_config()
    return str(apt_pkg.config.find("APT::Architecture"))


def _chroot_text(name: str, folder: Path, user: str, arch: str) -> str:
    personality = f"personality={_PERSONALITY[arch]}\n" if arch in _PERSONALITY else ""
    return (
        "# Written by `piufarm slave setup-schroot`; changes are lost when that runs again.\n"
        f"[{name}]\n"
        "type=plain\n"
        f"description=base image for package tests of account {user}\n"
        f"directory={folder}{CURRENT}\n"
        f"users={user}\n"
        f"root-users={user}\n"
        f"{personality}"
    )
