"""Which real packages the demo tests: small ones that most suites have, named ones, or as many as asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from piufarm.archive.suite import SuitePackages
from piufarm.errors import UsageError
from piufarm.names import InvalidName, Package

# Leaf packages of many kinds: scripts and binaries, conffiles, alternatives, libraries that come along, services.
USUAL: Final = (
    "hello", "tree", "bc", "dc", "ed", "file", "jq", "pv", "sl", "figlet", "toilet", "cowsay", "units", "time", "patch",
    "less", "nano", "ncdu", "dos2unix", "rename", "lsof", "cron", "logrotate", "screen", "vim-tiny",
)  # fmt: skip
DEFAULT_COUNT: Final = 20


def choose(index: SuitePackages, *, named: Sequence[str], count: int) -> list[Package]:
    """The packages to test: the named ones, or the first `count` of the usual ones, filled up from the whole suite.

    The same arguments and the same suite give the same choice. Raises UsageError for a name that is not there.
    """
    if named:
        return [_existing(index, name) for name in named]
    usual = [Package(name) for name in USUAL if index.version(Package(name)) is not None]
    if count <= len(usual):
        return usual[:count]
    others = sorted(
        (record.name for record in index if record.name not in USUAL),
        key=lambda name: hashlib.sha256(name.encode()).digest(),
    )
    return [*usual, *others[: count - len(usual)]]


def _existing(index: SuitePackages, name: str) -> Package:
    try:
        package = Package(name)
    except InvalidName as error:
        raise UsageError(f"--packages: {error}", hint="give names of binary packages, separated by commas") from error
    if index.version(package) is None:
        raise UsageError(
            f"--packages: the suite has no package {package}", hint=f"`apt-cache policy {package}` knows where it is"
        )
    return package
