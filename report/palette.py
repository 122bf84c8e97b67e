"""The colours of states, for the charts; style.css has the same ones under the same names (a test compares them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from piufarm.states import PackageState


class Colour(NamedTuple):
    """A colour on a light and on a dark background."""

    light: str
    dark: str


STATE_COLOURS: Final[Mapping[PackageState, Colour]] = {
    PackageState.SUCCESSFULLY_TESTED: Colour("#3f9a6b", "#4fae7c"),
    PackageState.FAILED_TESTING: Colour("#c8372d", "#ee6a5e"),
    PackageState.CANNOT_BE_TESTED: Colour("#8a4fa8", "#b685d2"),
    PackageState.WAITING_TO_BE_TESTED: Colour("#2c6fb3", "#5b9fe0"),
    PackageState.WAITING_FOR_DEPENDENCY: Colour("#86b4dd", "#3f6d99"),
    PackageState.DEPENDENCY_FAILED: Colour("#e58b5f", "#c7744b"),
    PackageState.DEPENDENCY_CANNOT_BE_TESTED: Colour("#c3a1d6", "#79558e"),
    PackageState.DEPENDENCY_DOES_NOT_EXIST: Colour("#c99a1c", "#d9b44a"),
    PackageState.UNKNOWN: Colour("#9aa1ab", "#7d858f"),
    PackageState.OUTDATED: Colour("#666d76", "#b0b7bf"),
}
TEXT: Final = Colour("#3d444d", "#c4cad1")
GRID: Final = Colour("#dcd9d2", "#3a4048")
