"""How the packages of a section divide among states, in numbers and as stretches of a bar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from piufarm.states import PackageState

BAR_WIDTH: Final = 1000


class Share(NamedTuple):
    """A state's part: `start` and `width` of its stretch of the bar, in units of BAR_WIDTH."""

    state: PackageState
    packages: int
    percent: float
    start: float
    width: float


def shares(counts: Mapping[PackageState, int], *, keep_empty: bool) -> tuple[Share, ...]:
    """The states in their usual order with what each has of the total."""
    total = sum(counts.values())
    found: list[Share] = []
    before = 0
    for state in PackageState:
        count = counts.get(state, 0)
        if count or keep_empty:
            part = count / total if total else 0.0
            start = before / total * BAR_WIDTH if total else 0.0
            found.append(Share(state, count, round(100 * part, 1), round(start, 2), round(part * BAR_WIDTH, 2)))
        before += count
    return tuple(found)
