"""Who tests what and how it went: reservations and leases, troubles, slaves, packages that are to be tested again.

The part of the store's interface that hands packages out. `owner` and `slave` are the identity of a slave's key, None
if its key names none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState
from piufarm.trouble import TroubleKind

ATTEMPTS_KEPT: Final = 20  # of a slave, by which it is judged
TROUBLES_ALLOWED: Final = 5  # so many of them never drain a slave …
TROUBLE_SHARE_ALLOWED: Final = 0.5  # … nor does this share of them
PROBATION_SECONDS: Final = 3600  # after which a drained slave gets one package at a time, until one test succeeds
ACTIVE_SECONDS: Final = 3600  # a slave that has been heard of for so long counts among those that share a section


@dataclass(frozen=True)
class Reservation:
    """A package that a slave holds; without an owner anyone may report it. A lease lapses unless it is renewed."""

    section: SectionName
    package: Package
    version: Version
    owner: str | None
    reserved_at: datetime
    deadline: datetime
    lease: bool = False


@dataclass(frozen=True)
class NewTrouble:
    """A test that said nothing about its package, on its way in: the evidence is already durable under the run id."""

    run_id: str
    package: Package
    version: Version
    kind: TroubleKind
    slave: str | None
    noted_at: datetime
    log_bytes: int
    log_sha256: str


@dataclass(frozen=True)
class Trouble:
    """A trouble as it is remembered.

    `log` is relative to the section's directory; None if the slave was not heard of again. It is `counted` against the
    version of its package unless the slave did not hold that, or somebody has let the package go again since.
    """

    run_id: str
    section: SectionName
    package: Package
    version: Version
    kind: TroubleKind
    slave: str | None
    noted_at: datetime
    log: str | None
    log_bytes: int
    counted: bool


@dataclass(frozen=True)
class RecordedTrouble:
    """What became of a trouble.

    `held` says that its package is held back from now on, `drained` that its slave gets no more packages from now on.
    `duplicate` means that this very trouble had been stored before: nothing was written, `trouble` is the earlier one.
    """

    trouble: Trouble
    held: bool = False
    drained: bool = False
    duplicate: bool = False


@dataclass(frozen=True)
class Hold:
    """A package version that is not handed out, because it has brought too many attempts into trouble."""

    section: SectionName
    package: Package
    version: Version
    held_at: datetime
    reason: str


@dataclass(frozen=True)
class RecycleMark:
    """A package version that is to be tested again."""

    section: SectionName
    package: Package
    version: Version
    queued_at: datetime


@dataclass(frozen=True)
class SlaveRow:
    """A slave that has been here; `attempts` are its last ones, oldest first: False for a trouble."""

    name: str
    last_seen: datetime
    attempts: tuple[bool, ...]
    drained_at: datetime | None
    holds: int  # packages, in all sections

    @property
    def trouble_share(self) -> float:
        """The share of its last attempts that ended in trouble; 0 if there were none."""
        return self.attempts.count(False) / len(self.attempts) if self.attempts else 0.0

    def is_on_probation(self, now: datetime) -> bool:
        """Whether it gets one package at a time, having got none since it was drained, or a clock was set back then."""
        return self.drained_at is not None and abs(now - self.drained_at) >= timedelta(seconds=PROBATION_SECONDS)


def has_too_much_trouble(attempts: Sequence[bool]) -> bool:
    """Whether a slave with these last attempts is to be drained."""
    troubles = attempts.count(False)
    return troubles > TROUBLES_ALLOWED and troubles > TROUBLE_SHARE_ALLOWED * len(attempts)


def trouble_log(run_id: str) -> str:
    """Where the evidence of a trouble lies, relative to the section's directory."""
    return f"trouble/{run_id}.log"


def hold_reason(package: Package, troubles: Iterable[Trouble]) -> str:
    """Why a package is held back, and what to do about it."""
    counted = Counter(f"{trouble.kind} ({trouble.slave or 'anonymous'})" for trouble in troubles)
    told = ", ".join(what if number == 1 else f"{what} {number} times" for what, number in counted.items())
    return (
        f"held back, for testing this version only led to trouble: {told};"
        f" `piufarm master recycle {package}` or a new version lets it go again"
    )


class Attempts(Protocol):
    """Handing packages out and taking them back. Raises piufarm.store.StoreError on trouble of the database."""

    def reserve(
        self, section: SectionName, *, owner: str | None, now: datetime, deadline: datetime, retest: bool = False
    ) -> Reservation | None:
        """Take the best free candidate, or None if there is none for this owner; atomic among any number of sessions.

        With `retest`, packages that are marked to be tested again are candidates, too; the result of a marked one is
        history from then on, unless it is a pass: that one stays until the new result.
        """
        ...

    def lease(
        self, section: SectionName, *, owner: str, count: int, now: datetime, deadline: datetime, retest: bool = False
    ) -> Sequence[Reservation]:
        """Take up to `count` candidates, and no more than a fair share: half of what is free over the active slaves."""
        ...

    def renew(
        self, section: SectionName, *, owner: str, deadline: datetime, since: datetime
    ) -> Sequence[Reservation]:
        """Let what the owner holds since a moment after `since` be its at least until `deadline`; returns what that is.

        What it holds for longer just expires: a slave renews without knowing of what it has lost with a disk.
        """
        ...

    def unreserve(
        self, section: SectionName, package: Package, version: Version, *, owner: str | None, now: datetime
    ) -> bool:
        """Give a reservation back; False if there is none or it is somebody else's (then nothing changes).

        A package that was to be tested again, and has a result, is marked again.
        """
        ...

    def extend_reservations(self, section: SectionName, *, owner: str, deadline: datetime) -> None:
        """Move the deadlines of all that `owner` has reserved, but for leases, to at least this moment."""
        ...

    def abandon_reservations(self, section: SectionName, *, owner: str, before: datetime) -> None:
        """No contact extends what `owner` has reserved before this moment, leases aside: it has asked for more since.

        A plain slave asks when it has reported all that it knows of. What is left then was lost with a reply or a disk;
        it expires, although its owner is alive.
        """
        ...

    def would_abandon(self, section: SectionName, *, owner: str, before: datetime) -> bool:
        """Whether `abandon_reservations` would change anything."""
        ...

    def expire_reservations(
        self, section: SectionName, *, now: datetime, max_retries: int
    ) -> Sequence[RecordedTrouble]:
        """Take back what was held beyond its deadline; each is a trouble of kind `lost` for its owner."""
        ...

    def has_candidate(self, section: SectionName, *, owner: str | None, now: datetime, retest: bool = False) -> bool:
        """Whether `reserve` would find something."""
        ...

    def reservations(self, section: SectionName) -> Sequence[Reservation]: ...
    def is_anything_reserved(self, section: SectionName) -> bool: ...

    def record_trouble(self, section: SectionName, new: NewTrouble, *, max_retries: int) -> RecordedTrouble:
        """Remember a trouble and give its package back; durable on return.

        It counts against the package if the sender held it. After `max_retries` such attempts the package is held back.
        """
        ...

    def troubles(self, section: SectionName, *, package: Package | None = None) -> Sequence[Trouble]:
        """Troubles of the section or of a package in it, newest first."""
        ...

    def trouble(self, run_id: str) -> Trouble | None: ...
    def holds(self, section: SectionName) -> Sequence[Hold]:
        """What is held back, by package."""
        ...

    def note_contact(self, section: SectionName, *, slave: str, now: datetime) -> None:
        """Remember that a slave works for a section; written at most once a minute."""
        ...

    def slaves(self) -> Sequence[SlaveRow]:
        """Every slave that has been here, by name."""
        ...

    def resume_slave(self, name: str) -> bool:
        """Let a slave work again and forget its troubles; False if there is none of that name."""
        ...

    def queue_recycle(
        self, section: SectionName, packages: Iterable[Package], *, now: datetime
    ) -> Mapping[Package, bool]:
        """Mark packages to be tested again, those with the oldest results first, and let those go that are held back.

        Returns the packages that the section has, and of each whether anything was done: a package without a result
        that nothing holds back is to be tested anyway.
        """
        ...

    def recycle_queue(self, section: SectionName) -> Sequence[RecycleMark]:
        """What is marked to be tested again, in the order of the marks."""
        ...

    def tested_packages(
        self, section: SectionName, *, problem: str | None = None, before: datetime | None = None
    ) -> Sequence[Package]:
        """Packages with a current result of the version that is to be tested, those with the oldest results first.

        Of these only those whose log shows a known problem of this name, or whose result came before a moment.
        """
        ...

    def has_recycle_queue(self, section: SectionName) -> bool:
        """Whether anything is marked to be tested again, whether it can be tested now or not."""
        ...

    def retest_counts(self, section: SectionName) -> Mapping[PackageState, int]:
        """Packages per state as they are for slaves that test again: marked packages and those in their hands wait."""
        ...

    def retest_states(self, section: SectionName) -> Mapping[Package, PackageState]:
        """The states that marked packages, and those in the hands of slaves, have for slaves that test again."""
        ...
