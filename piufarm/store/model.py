"""What is in the store, as plain records, and the interface that every database behind it offers.

Each method is one short transaction. Times are aware UTC datetimes. The report reads through the same interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, assert_never

from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.attempts import Attempts
from piufarm.store.attempts import Reservation as Reservation
from piufarm.store.evaluations import Evaluations
from piufarm.store.explanations import Explanations
from piufarm.store.takeovers import Takeovers


class Placement(StrEnum):
    """The classic directory in which a current result's log is seen; an admin may move a failure to the last two."""

    PASS = "pass"
    FAIL = "fail"
    UNTESTABLE = "untestable"
    BUGGED = "bugged"
    AFFECTED = "affected"


class Standing(StrEnum):
    """What a run means for its package: the one current result, or history and why."""

    CURRENT = "current"
    SUPERSEDED = "superseded"  # a newer run of the same version took its place
    LATE = "late"  # came from a slave that no longer held the reservation, a result was there already
    UNRESERVED = "unreserved"  # nobody had asked for it, a result was there already
    RETIRED = "retired"  # its package left the section or changed version
    RECYCLED = "recycled"  # its package was handed out to be tested again


class Relation(NamedTuple):
    """What a dependency asks for: a name, and which versions of it will do; prints as it stands in a field."""

    name: Package
    op: str = ""  # one of << <= = >= >>, or empty: any version
    version: str = ""
    arch: str = ""  # of a package of another architecture; empty for our own

    def __str__(self) -> str:
        name = f"{self.name}:{self.arch}" if self.arch else self.name
        return f"{name} ({self.op} {self.version})" if self.op else name


class Provided(NamedTuple):
    """A virtual name that a package provides; without a version it satisfies only relations that ask for none."""

    name: Package
    version: str = ""


@dataclass(frozen=True)
class Dependency:
    """One clause of Depends or Pre-Depends, alternatives in the order of the field.

    `chosen` is followed; None if nothing satisfies the clause.
    """

    alternatives: tuple[Relation, ...]
    pre: bool = False
    chosen: Package | None = None


@dataclass(frozen=True)
class IndexPackage:
    """A package as the archive's indexes describe it, ready to become a row of a section.

    `listed` is False for a package that the section does not test (its `packages` globs leave it out) and that is
    known only because something depends on it.
    """

    name: Package
    version: Version  # in the selection distro
    test_version: Version  # in the last upgrade distro, or the literal None; equal to `version` otherwise
    source: Package
    source_version: Version
    maintainer: str = ""
    depends: tuple[Dependency, ...] = ()
    provides: tuple[Provided, ...] = ()
    listed: bool = True


@dataclass(frozen=True)
class PackageRow:
    """A package of a section with its computed state; `listed` as in IndexPackage."""

    name: Package
    version: Version
    test_version: Version
    source: Package
    source_version: Version
    maintainer: str
    state: PackageState
    reason: str  # one sentence: why it is in this state
    chain: int = 0  # levels of reverse dependencies, itself included
    waiting: int = 0  # recursive reverse dependencies that wait
    blocked: int = 0  # recursive reverse dependencies in an error state
    listed: bool = True


@dataclass(frozen=True)
class Run:
    """One test of one package version, current or history; `log` is relative to the section's directory."""

    run_id: str
    section: SectionName
    package: Package
    version: Version
    outcome: Outcome
    standing: Standing
    placement: Placement
    slave: str | None
    received_at: datetime
    log: str
    log_bytes: int
    log_sha256: str
    seconds: int | None = None  # that the test took, if the log tells


@dataclass(frozen=True)
class SectionRow:
    """A section that the store knows; `generation` counts its archive snapshots (0: never refreshed)."""

    name: SectionName
    generation: int
    refreshed_at: datetime | None
    index_digest: str  # identifies the archive's indexes that the generation was made from
    index_size: int = 0  # packages in these indexes, whether the section tests them or not


@dataclass(frozen=True)
class NewRun:
    """A result on its way in: the log is already durable under its run id."""

    run_id: str
    package: Package
    version: Version
    outcome: Outcome
    slave: str | None
    received_at: datetime
    log_bytes: int
    log_sha256: str
    seconds: int | None = None  # that the test took, if the log tells


def run_log(run_id: str) -> str:
    """Where a run's log lies, relative to the section's directory."""
    return f"runs/{run_id}.log"


def outcome_reason(outcome: Outcome, version: Version) -> str:
    """The reason of a package whose state is its own result."""
    what = "its disappearance on the way" if version.is_disappearance else f"version {version}"
    match outcome:
        case Outcome.PASS:
            return f"{what} passed its test"
        case Outcome.FAIL:
            return f"{what} failed its test"
        case Outcome.UNTESTABLE:
            return f"{what} could not be tested"
        case _:
            assert_never(outcome)


@dataclass(frozen=True)
class Recorded:
    """What became of a NewRun.

    `duplicate` means that this very result had been stored before (its `ok` got lost on the way): nothing was written
    and `run` is the earlier one. `superseded` is the run whose place a current one took.
    """

    run: Run
    superseded: Run | None = None
    duplicate: bool = False


class ComputedState(NamedTuple):
    """What the computation of states says about a package; the numbers are those of PackageRow.

    `chosen` holds the index of the followed alternative of each clause, -1 where nothing satisfies it; empty means the
    first of each. `chain` and `waiting` are exact for what can be tested, and estimates for what waits. `blocker` is
    the package that makes this one wait, or from which its error comes: a name, with a blank and the section if that
    is another one; empty if nothing does, or nothing that exists.
    """

    state: PackageState
    reason: str
    chain: int = 0
    waiting: int = 0
    blocked: int = 0
    chosen: tuple[int, ...] = ()
    retestable: bool = False  # marked to be tested again, and everything that it needs is good
    blocker: str = ""


class Node(NamedTuple):
    """A package as the computation of states sees it; names were checked when they were stored."""

    name: str
    version: str  # the test version
    listed: bool
    depends: tuple[tuple[Relation, ...], ...]  # clauses of Depends, then of Pre-Depends
    provides: tuple[Provided, ...]
    outcome: Outcome | None  # of the current run of the test version
    stored: ComputedState  # what the last computation said
    archive_version: str = ""  # in the selection distro: what relations are compared with; empty: the test version
    recycled: bool = False  # marked to be tested again


class ForeignPackage(NamedTuple):
    """A package of another section, as the sections that look names up there see it."""

    name: str
    version: str  # in the archive
    provides: tuple[Provided, ...]
    state: PackageState  # that the other section's own computation has found
    outcome: Outcome | None = None  # of the current run of its test version


@dataclass(frozen=True)
class ForeignSection:
    """A section in which names are looked up that the section itself does not have."""

    name: SectionName
    packages: Sequence[ForeignPackage]
    revision: int = 0  # goes up whenever a state there changes


@dataclass(frozen=True)
class Snapshot:
    """A section at one moment: everything that the computation of its states needs.

    `others` are the sections of `depends-sections` in the order in which names are looked up in them: as configured,
    each followed by its own.
    """

    generation: int
    counter: int  # of changes: goes up with every result and every refresh
    nodes: Sequence[Node]
    others: Sequence[ForeignSection] = ()


class Store(Evaluations, Explanations, Takeovers, Attempts, Protocol):
    """Everything that the farm remembers. Raises piufarm.store.StoreError (a FarmError) on trouble of the database."""

    def close(self) -> None: ...
    def release(self) -> None:
        """Give up, until the next question, what others may need: call it before waiting for a peer."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[bool]:
        """A named lock among all who use this store: True while the block runs if it was free, False if another has it.

        It ends with its holder, however that ends.
        """
        ...

    def is_held(self, name: str) -> bool:
        """Whether anybody has this lock; only asks, and so is in nobody's way."""
        ...

    # sections and their packages
    def sections(self) -> Sequence[SectionRow]: ...
    def section(self, section: SectionName) -> SectionRow | None: ...
    def packages(self, section: SectionName, state: PackageState | None = None) -> Iterator[PackageRow]:
        """The listed packages of a section by name."""
        ...

    def package(self, section: SectionName, package: Package) -> PackageRow | None: ...
    def dependencies(self, section: SectionName, package: Package) -> Sequence[Dependency]: ...
    def all_dependencies(self, section: SectionName) -> Iterator[tuple[Package, Sequence[Dependency]]]: ...
    def providers(self, section: SectionName) -> Mapping[Package, Sequence[Package]]: ...
    def versions(self, section: SectionName) -> Mapping[str, str]:
        """The versions that are to be tested of all listed packages, by name."""
        ...

    def reverse_dependencies(self, section: SectionName, package: Package) -> Sequence[Package]: ...
    def counts(self, section: SectionName) -> Mapping[PackageState, int]:
        """Packages per state, all ten states present."""
        ...

    # results
    def record_run(self, section: SectionName, run: NewRun) -> Recorded:
        """The commit point: decides what the run means, ends the reservation, keeps every run. Durable on return.

        Whoever holds the reservation (or anybody, if it has no owner) sets the current result. Anybody else does so
        only where the version has none, and is kept as late or unreserved otherwise; see docs/store.md.
        """
        ...

    def runs_out_of_place(self, section: SectionName) -> Sequence[Run]:
        """Current runs of packages or versions that the section's latest snapshot does not hold."""
        ...

    def retire(self, section: SectionName, run_ids: Iterable[str]) -> None:
        """Make these runs history; their packages, if still there, are to be tested again."""
        ...

    def runs(
        self,
        section: SectionName,
        *,
        package: Package | None = None,
        current_only: bool = False,
        failed_only: bool = False,
    ) -> Iterator[Run]:
        """Runs, newest first within a package, packages by name; `failed_only` leaves passes out."""
        ...

    def run(self, run_id: str) -> Run | None: ...
    def set_placement(self, run_id: str, placement: Placement) -> None: ...

    # counts per day, for the chart and counts.txt
    def record_daily_counts(self, section: SectionName, day: date) -> None: ...
    def daily_counts(self, section: SectionName) -> Sequence[tuple[date, Mapping[str, int]]]: ...
