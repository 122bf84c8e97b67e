"""The tables behind the states; docs/states.md explains them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ForeignPackage

GOOD: Final = PackageState.SUCCESSFULLY_TESTED

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

# Of several packages that provide a name, the first of those that come first in this order is followed.
_FOLLOWED: Final = (GOOD, PackageState.WAITING_TO_BE_TESTED, *ERRORS, PackageState.OUTDATED)

# Packages of another architecture that real archives depend on, and names whose absence is no mistake of the package
# that needs them: both are excused where no section holds them.
_FOREIGN: Final = frozenset({"ia32-libs-i386", "ia32-libs-gtk-i386", "libnss-mdns-i386"})
_IGNORED_MISSING: Final = frozenset(
    {
        "kbdcontrol",
        "vidcontrol",
        "mediawiki",
        "llvm-3.7-dev",
        "oracle-instantclient-basic",
        "oracle-instantclient-11.2-basic",
        "oracle-instantclient-12.1-basic",
        "oracle-instantclient11.2-basic",
        "oracle-instantclient12.1-basic",
    }
)


def is_excused(name: str) -> bool:
    """Whether a name that no section has is taken as good."""
    return name in _FOREIGN or name in _IGNORED_MISSING


def preference(state: PackageState | None) -> int:
    """The place of a state in the order in which providers of a name are followed; what may become good is equal."""
    return _FOLLOWED.index(state) if state in _FOLLOWED else _FOLLOWED.index(PackageState.WAITING_TO_BE_TESTED)


def guest_state(package: ForeignPackage) -> PackageState:
    """How a package of another section looks from here: by its own result, else by what was computed there.

    What its section has not got to yet will be decided there, so that it is waited for.
    """
    if package.outcome is Outcome.PASS or package.state is GOOD:
        return GOOD
    return package.state if package.state in PROPAGATED else PackageState.WAITING_FOR_DEPENDENCY
