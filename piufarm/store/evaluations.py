"""Archive snapshots and the states of their packages: the part of the store's interface that computes states."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from piufarm.names import Package, SectionName
from piufarm.outcome import Outcome

if TYPE_CHECKING:
    from piufarm.store.model import ComputedState, ForeignSection, IndexPackage, Node, Snapshot


@dataclass(frozen=True)
class Circumstances:
    """What the states of a section depend on apart from its archive, at one moment. Keys are package and version."""

    counter: int  # see Snapshot
    outcomes: Mapping[tuple[str, str], Outcome]  # of the current runs
    recycled: Collection[tuple[str, str]]  # marked to be tested again
    others: Sequence[ForeignSection]  # see Snapshot


@dataclass(frozen=True)
class Neighbourhood:
    """A package with a new result, those that depend on it, and everything that these can depend on.

    `options` need no dependencies: their states are as stored. Of a clause of a dependent all packages that can satisfy
    it are among the options or the dependents; those of which this cannot be said are left out. `alone` is False if
    names are looked up in other sections, too.
    """

    generation: int
    counter: int  # of changes, when this was read
    dependents: Sequence[Node]
    options: Sequence[Node]
    alone: bool = True


class Evaluations(Protocol):
    """Bringing archive snapshots in, and their states up to date. Raises piufarm.store.StoreError."""

    def replace_packages(
        self,
        section: SectionName,
        packages: Iterable[IndexPackage],
        *,
        index_digest: str,
        now: datetime,
        index_size: int = 0,
        states: Mapping[Package, ComputedState] | None = None,
        evaluated: Circumstances | None = None,
    ) -> int:
        """Swap in a new archive snapshot under a new generation, which is returned; results are left alone.

        `states` come with the packages if they were computed from `evaluated` already; those of packages that have got
        a result since are as the result made them. Without them all are unknown until the next evaluation.
        """
        ...

    def note_refresh(self, section: SectionName, *, now: datetime) -> None:
        """Remember that the archive was looked at and has not changed."""
        ...

    def look_into(self, section: SectionName, others: Sequence[SectionName]) -> None:
        """Remember in which sections names are looked up that this one does not have, in this order."""
        ...

    def looked_into(self, section: SectionName) -> Sequence[SectionName]:
        """The sections in which its names are looked up, in this order."""
        ...

    def circumstances(self, section: SectionName) -> Circumstances: ...

    def snapshot(self, section: SectionName) -> Snapshot: ...

    def changes_since(
        self, section: SectionName, snapshot: Snapshot
    ) -> tuple[Circumstances, Mapping[str, ComputedState]] | None:
        """What is different since `snapshot` was evaluated: all results, and the states of what may have changed.

        None if there are other packages, here or in a section that is looked into, or if the database has lost states.
        """
        ...

    def set_states(
        self, section: SectionName, states: Mapping[Package, ComputedState], *, evaluated: Snapshot
    ) -> None:
        """Write what a computation from the snapshot `evaluated` has changed.

        A package that got a result since then keeps what the result said; a snapshot of an older generation writes
        nothing.
        """
        ...

    def neighbourhood(
        self, section: SectionName, package: Package, *, limit: int, passed: bool = False
    ) -> Neighbourhood | None:
        """What a result of `package` may change at once; None if that are more than `limit` packages.

        If it has `passed`, packages are left out that surely wait for another one, too.
        """
        ...

    def reconsidered(
        self, section: SectionName, states: Mapping[Package, ComputedState], *, around: Neighbourhood
    ) -> None:
        """Write what the neighbourhood `around` a result has changed; a later result of a package goes first.

        It makes an evaluation due, because `around` may be older than the last one.
        """
        ...

    def evaluation_due(self, section: SectionName) -> bool:
        """Whether anything has changed since the last complete evaluation, here or in a section that is looked into."""
        ...

    def change_counter(self, section: SectionName) -> int: ...
