"""What is known of one package and of the queue: the part of the store's interface that explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState

if TYPE_CHECKING:
    from piufarm.store.attempts import Hold, Reservation
    from piufarm.store.model import Run


@dataclass(frozen=True)
class Situation:
    """A package of a section, with everything that has a say in when it is tested."""

    section: SectionName
    package: Package
    version: Version  # to test
    state: PackageState
    reason: str  # that the computation of states gives
    blocker: tuple[SectionName, Package] | None  # see ComputedState
    listed: bool
    run: Run | None  # the current one of the version
    reservation: Reservation | None
    hold: Hold | None
    retest_since: datetime | None  # marked to be tested again
    retest_ready: bool  # and everything that it depends on is good


@dataclass(frozen=True)
class Pace:
    """How fast a section gets on."""

    mean_seconds: float | None  # that tests took lately; None if no log tells
    slaves: int  # that were here lately and get packages
    drained: Sequence[str]  # that were here lately and get none, because of too much trouble


class Explanations(Protocol):
    """Questions about single packages, each answered from a few rows. Raises piufarm.store.StoreError."""

    def situation(self, section: SectionName, package: Package) -> Situation | None: ...

    def ahead(self, section: SectionName, package: Package) -> int:
        """How many packages that can be handed out come before this one."""
        ...

    def retests_ahead(self, section: SectionName, package: Package) -> int:
        """How many packages that are marked, and can be tested again, come before this one."""
        ...

    def pace(self, section: SectionName, *, now: datetime) -> Pace: ...

    def names_like(self, section: SectionName, text: str) -> Sequence[Package]:
        """Packages whose names begin as `text` does, or contain it, by name; not too many."""
        ...
