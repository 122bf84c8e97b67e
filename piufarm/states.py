"""The states that a package of a section can be in, in the order of the `status` reply and of counts.txt."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PackageState(StrEnum):
    """State of a package in a section; the members are the ten active ones, in the order of `status`."""

    SUCCESSFULLY_TESTED = "successfully-tested"
    FAILED_TESTING = "failed-testing"
    CANNOT_BE_TESTED = "cannot-be-tested"
    WAITING_TO_BE_TESTED = "waiting-to-be-tested"
    WAITING_FOR_DEPENDENCY = "waiting-for-dependency-to-be-tested"
    DEPENDENCY_FAILED = "dependency-failed-testing"
    DEPENDENCY_CANNOT_BE_TESTED = "dependency-cannot-be-tested"
    DEPENDENCY_DOES_NOT_EXIST = "dependency-does-not-exist"
    UNKNOWN = "unknown"
    OUTDATED = "outdated"


WAITING: Final = frozenset({PackageState.WAITING_TO_BE_TESTED, PackageState.WAITING_FOR_DEPENDENCY})
# What a dependency can change; packages in other states have a result, or none whatever happens to others.
CHANGEABLE: Final = WAITING | {PackageState.DEPENDENCY_FAILED, PackageState.DEPENDENCY_CANNOT_BE_TESTED}

# Columns of counts.txt: the active states and four that are no longer entered but keep their columns.
COUNTS_COLUMNS: Final = (
    "successfully-tested",
    "failed-testing",
    "cannot-be-tested",
    "essential-required",
    "waiting-to-be-tested",
    "waiting-for-dependency-to-be-tested",
    "dependency-failed-testing",
    "dependency-cannot-be-tested",
    "dependency-does-not-exist",
    "circular-dependency",
    "unknown",
    "unknown-preferred-alternative",
    "no-dependency-from-alternatives-exists",
    "outdated",
)
