"""The tables behind the states; docs/states.md explains them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from piufarm.outcome import Outcome
from piufarm.states import PackageState

GOOD: Final = PackageState.SUCCESSFULLY_TESTED

WAITING: Final = frozenset({PackageState.WAITING_TO_BE_TESTED, PackageState.WAITING_FOR_DEPENDENCY})

# errors of a package itself, as opposed to inherited ones
OWN_ERRORS: Final = frozenset({PackageState.FAILED_TESTING, PackageState.CANNOT_BE_TESTED})

DIRECT: Final[Mapping[Outcome, PackageState]] = MappingProxyType(
    {
        Outcome.PASS: PackageState.SUCCESSFULLY_TESTED,
        Outcome.FAIL: PackageState.FAILED_TESTING,
        Outcome.UNTESTABLE: PackageState.CANNOT_BE_TESTED,
    }
)

# What an error of a dependency makes of the package that needs it. The order counts, too: of several packages that
# provide a name and are all in error, the first in it speaks for the name.
PROPAGATED: Final[Mapping[PackageState | None, PackageState]] = MappingProxyType(
    {
        PackageState.FAILED_TESTING: PackageState.DEPENDENCY_FAILED,
        PackageState.CANNOT_BE_TESTED: PackageState.DEPENDENCY_CANNOT_BE_TESTED,
        PackageState.DEPENDENCY_FAILED: PackageState.DEPENDENCY_FAILED,
        PackageState.DEPENDENCY_CANNOT_BE_TESTED: PackageState.DEPENDENCY_CANNOT_BE_TESTED,
        PackageState.DEPENDENCY_DOES_NOT_EXIST: PackageState.DEPENDENCY_CANNOT_BE_TESTED,
    }
)
ERRORS: Final = tuple(PROPAGATED)
