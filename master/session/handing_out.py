"""Handing packages out to a slave, and taking them back untested."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from piufarm.config.model import Section
from piufarm.master.layout import SectionFiles
from piufarm.master.results.classic import take_down
from piufarm.master.session.evaluation import Evaluation
from piufarm.master.session.surroundings import Surroundings
from piufarm.names import Package, Version
from piufarm.protocol import Holdings
from piufarm.protocol.messages import Error, Ok, Reply
from piufarm.store.model import Reservation, Standing

_RESULTS_EXPECTED_SECONDS: Final = 60  # while others test, what they report may make packages testable any time
_RETRY_SECONDS: Final = 60  # a refresh that is overdue may come any time, but not this very moment
_LONGEST_LEASE: Final = timedelta(days=2)  # however often it is renewed; a slave's batch takes hours


class HandingOut:
    """For one slave in one section; `retest` is on once it has asked for packages that are to be tested again."""

    def __init__(self, section: Section, files: SectionFiles, around: Surroundings, evaluation: Evaluation) -> None:
        self.retest = False
        self._section = section
        self._files = files
        self._around = around
        self._store = around.store
        self._evaluation = evaluation
        self._came_at = around.machine.clock()
        self._has_asked = False

    def greet(self) -> None:
        """A contact of its owner keeps what a slave has reserved."""
        slave, now = self._around.slave, self._around.machine.clock()
        if slave is not None:
            self._store.note_contact(self._section.name, slave=slave, now=now)
            deadline = now + timedelta(seconds=self._section.reservation_timeout)
            self._store.extend_reservations(self._section.name, owner=slave, deadline=deadline)

    def reserve(self) -> Reply:
        """The best package, as a slave of piuparts asks for it."""
        self._abandon()
        found = self._evaluation.wait_for(self._take_one)
        return Ok((found[0].package, found[0].version)) if found else Error()

    def _abandon(self) -> None:
        """A slave that asks for more has reported all that it knows of: what is left was lost on the way."""
        if self._around.slave is not None and not self._has_asked:
            self._store.abandon_reservations(self._section.name, owner=self._around.slave, before=self._came_at)
        self._has_asked = True

    def _take_one(self) -> Sequence[Reservation]:
        now = self._around.machine.clock()
        self._expire()
        found = self._store.reserve(
            self._section.name,
            owner=self._around.slave,
            now=now,
            deadline=now + timedelta(seconds=self._section.reservation_timeout),
            retest=self.retest,
        )
        return self._given_up([found] if found else [])

    def lease(self, count: int) -> Reply:
        """Up to `count` packages, for as long as the slave renews them."""
        self._abandon()
        found = self._evaluation.wait_for(lambda: self._take_many(count))
        return self._holdings(found) if found else Error()

    def _take_many(self, count: int) -> Sequence[Reservation]:
        now = self._around.machine.clock()
        self._expire()
        return self._given_up(
            self._store.lease(
                self._section.name,
                owner=self._owner,
                count=count,
                now=now,
                deadline=now + timedelta(seconds=self._section.lease_timeout),
                retest=self.retest,
            )
        )

    def renew(self) -> Reply:
        """What the slave holds and cannot have forgotten, for another while."""
        now = self._around.machine.clock()
        self._store.note_contact(self._section.name, slave=self._owner, now=now)
        deadline = now + timedelta(seconds=self._section.lease_timeout)
        since = now - _LONGEST_LEASE
        return self._holdings(self._store.renew(self._section.name, owner=self._owner, deadline=deadline, since=since))

    def _holdings(self, held: Sequence[Reservation]) -> Ok:
        return Holdings(self._section.lease_timeout, tuple((one.package, one.version) for one in held)).reply()

    @property
    def _owner(self) -> str:
        assert self._around.slave is not None  # leases are offered only to those whose key says who they are
        return self._around.slave

    def take_back(self, package: Package, version: Version) -> Reply:
        """A package comes back untested; what somebody else holds stays with him."""
        now = self._around.machine.clock()
        self._store.unreserve(self._section.name, package, version, owner=self._around.slave, now=now)
        return Ok()

    def start_retests(self) -> Reply:
        """Hand out what is marked to be tested again, too, if anything is."""
        self._expire()  # a retest that nobody has finished is queued again
        self.retest = self.retest or self._store.has_recycle_queue(self._section.name)
        return Ok() if self.retest else Error()

    def idle(self) -> Reply:
        """For how long there is certainly nothing to hand out; 0 if there is, or if it is not known.

        A slave that seems to hold packages from an earlier contact is let ask: else it would keep for ever what it has
        lost, for only who asks for more is known to have reported everything.
        """
        return Ok(("0" if self._may_have_lost_something else str(self._idle_seconds()),))

    @property
    def _may_have_lost_something(self) -> bool:
        slave = self._around.slave
        return slave is not None and self._store.would_abandon(
            self._section.name, owner=slave, before=self._came_at
        )

    def _idle_seconds(self) -> int:
        now = self._around.machine.clock()
        row = self._store.section(self._section.name)
        if row is None or row.refreshed_at is None or self._evaluation.is_due:
            return 0
        self._expire()
        if self._store.has_candidate(self._section.name, owner=self._around.slave, now=now, retest=self.retest):
            return 0
        if self._store.is_anything_reserved(self._section.name):
            return _RESULTS_EXPECTED_SECONDS
        age = max(0, int((now - row.refreshed_at).total_seconds()))  # less than 0 if a clock was set back
        return max(self._section.refresh_interval - age, _RETRY_SECONDS)

    def _expire(self) -> None:
        lost = self._store.expire_reservations(
            self._section.name, now=self._around.machine.clock(), max_retries=self._section.max_retries
        )
        for recorded in lost:
            self._around.note_trouble(recorded)

    def _given_up(self, found: Sequence[Reservation]) -> Sequence[Reservation]:
        """Let the logs vanish that were given up for a retest; `fsck` does it if we cannot."""
        for reservation in found if self.retest else ():
            for run in list(self._store.runs(self._section.name, package=reservation.package)):
                if run.version == reservation.version and run.standing is Standing.RECYCLED:
                    try:
                        take_down(run, self._files)
                    except OSError as error:
                        self._around.warn(f"{error.filename}: {error.strerror} (`piufarm master fsck --repair` helps)")
        return found
