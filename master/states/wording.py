"""The parts of the sentences that explain states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from piufarm.states import PackageState

READY: Final = "can be tested: everything that it depends on is good"

TROUBLE: Final[Mapping[PackageState, str]] = MappingProxyType(
    {
        PackageState.FAILED_TESTING: "failed its test",
        PackageState.CANNOT_BE_TESTED: "could not be tested",
        PackageState.DEPENDENCY_FAILED: "depends on a failure",
        PackageState.DEPENDENCY_CANNOT_BE_TESTED: "depends on something that cannot be tested",
        PackageState.DEPENDENCY_DOES_NOT_EXIST: "depends on something that is not in the archive",
    }
)

_NAMED: Final = 3  # packages that a sentence names before it only counts


def depends_on(link: str, trouble: str) -> str:
    """The reason of a package whose dependency `link` is in trouble: `which …` or `but …`."""
    return f"depends on {link}, {trouble}"


def mention(wanted: str, name: str, described: str) -> str:
    """A package as a dependency mentions it: by its name, or as a provider of the name `wanted`."""
    return described if wanted == name else f"{wanted} (provided by {described})"


def enumerated(names: Sequence[str]) -> str:
    """Some names in a sentence, by name; of many only the first."""
    ordered = sorted(set(names))
    if len(ordered) > _NAMED:
        return f"{', '.join(ordered[: _NAMED - 1])} and {len(ordered) - _NAMED + 1} others"
    return " and ".join(filter(None, (", ".join(ordered[:-1]), ordered[-1])))
