"""What a check is: a name, the moments of a test when it looks, and a function that finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from piufarm.outcome import Finding
from piufarm.slave.chroot.interface import CommandLimits
from piufarm.slave.tester.command_line.options import CheckOptions
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import Level

# Of a job that is tried: one that is still at work then, in a sleep most likely, has not complained.
OF_A_JOB: Final = CommandLimits(seconds=10, output_bytes=64 * 1024)


class Moment(StrEnum):
    """A point in a test at which checks look at the chroot."""

    START = "start"  # only setting up and custom scripts have run
    DEPENDENCIES = "dependencies"  # what the packages need is installed, at most
    INSTALLED = "installed"  # the packages are installed and configured
    UPGRADED = "upgraded"  # the same, and older versions of them were there before
    QUIET = "quiet"  # of an upgrade between suites: packages under test are not there yet, or not any more
    BETWEEN_SUITES = "between suites"  # of such an upgrade: they are there
    BEFORE_REMOVAL = "before removal"
    REMOVED = "removed"  # configuration files are still there
    PURGED_ONCE = "purged once"  # to be installed again
    PURGED = "purged"
    COMPARED = "compared"  # last of all


def _always(_: CheckOptions) -> bool:
    return True


def unless_compat(options: CheckOptions) -> bool:
    """Wants what the predecessor does not look at."""
    return not options.compat


@dataclass(frozen=True)
class Check:
    """A check. An error among its findings ends the test at once if `ends_the_test`, else it goes on.

    `warning_level` is what the log calls findings that only warn: mostly an error, as its readers expect.
    """

    name: str
    moments: tuple[Moment, ...]
    find: Callable[[Examination, Moment], Iterable[Finding]]
    ends_the_test: bool = True
    is_wanted: Callable[[CheckOptions], bool] = _always
    warning_level: Level = Level.ERROR
