"""The interface `Attempts` on a database: each method is a short transaction around a function of a topic module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState
from piufarm.store.attempts import (
    Hold,
    NewTrouble,
    RecordedTrouble,
    RecycleMark,
    Reservation,
    SlaveRow,
    Trouble,
)
from piufarm.store.sql import candidates, recycling, reservations, rows, slaves, troubles
from piufarm.store.sql.candidates import Choice
from piufarm.store.sql.database import Database
from piufarm.store.sql.reservations import Wish


class SqlAttempts:
    """See piufarm.store.attempts.Attempts for what the methods promise."""

    _database: Database

    # handing out and taking back

    def reserve(
        self, section: SectionName, *, owner: str | None, now: datetime, deadline: datetime, retest: bool = False
    ) -> Reservation | None:
        return next(iter(self._hand_out(section, Wish(Choice(owner, now, retest), deadline))), None)

    def lease(
        self, section: SectionName, *, owner: str, count: int, now: datetime, deadline: datetime, retest: bool = False
    ) -> Sequence[Reservation]:
        return self._hand_out(section, Wish(Choice(owner, now, retest), deadline, count, lease=True))

    def _hand_out(self, section: SectionName, wish: Wish) -> Sequence[Reservation]:
        with self._database.glance() as cursor:  # slaves that get nothing must not queue up for the write lock
            if not candidates.are_any_free(cursor, section, retest=wish.choice.retest):
                return ()
        if wish.number > 1:
            with self._database.read() as cursor:
                wish = wish._replace(number=reservations.fair_count(cursor, section, wish))
        with self._database.write() as cursor:
            return reservations.hand_out(cursor, section, wish)

    def renew(
        self, section: SectionName, *, owner: str, deadline: datetime, since: datetime
    ) -> Sequence[Reservation]:
        with self._database.write() as cursor:
            return reservations.renew(cursor, section, owner, (since, deadline))

    def unreserve(
        self, section: SectionName, package: Package, version: Version, *, owner: str | None, now: datetime
    ) -> bool:
        with self._database.write() as cursor:
            return reservations.unreserve(cursor, section, (package, version), owner, now)

    def extend_reservations(self, section: SectionName, *, owner: str, deadline: datetime) -> None:
        with self._database.read() as cursor:
            first = reservations.holds_until(cursor, section, owner)
        if first is not None and first < deadline:
            with self._database.write() as cursor:
                reservations.extend_reservations(cursor, section, owner, deadline)

    def abandon_reservations(self, section: SectionName, *, owner: str, before: datetime) -> None:
        if self.would_abandon(section, owner=owner, before=before):
            with self._database.write() as cursor:
                reservations.abandon(cursor, section, owner, before)

    def would_abandon(self, section: SectionName, *, owner: str, before: datetime) -> bool:
        with self._database.read() as cursor:
            return reservations.is_anything_left(cursor, section, owner, before)

    def expire_reservations(
        self, section: SectionName, *, now: datetime, max_retries: int
    ) -> Sequence[RecordedTrouble]:
        with self._database.glance() as cursor:
            if not reservations.any_expired(cursor, section, now):
                return ()
        with self._database.write() as cursor:
            return troubles.expire(cursor, section, now, max_retries)

    def has_candidate(self, section: SectionName, *, owner: str | None, now: datetime, retest: bool = False) -> bool:
        with self._database.read() as cursor:
            admitted = slaves.admitted(cursor, owner, now, 1)
            key = rows.find_section(cursor, section)
            return bool(admitted and candidates.best(cursor, key, Choice(owner, now, retest), 1))

    def is_anything_reserved(self, section: SectionName) -> bool:
        with self._database.read() as cursor:
            return reservations.is_anything_reserved(cursor, section)

    def reservations(self, section: SectionName) -> Sequence[Reservation]:
        with self._database.read() as cursor:
            return reservations.reservations(cursor, section)

    # troubles

    def record_trouble(self, section: SectionName, new: NewTrouble, *, max_retries: int) -> RecordedTrouble:
        with self._database.write() as cursor:
            return troubles.record_trouble(cursor, section, new, max_retries)

    def troubles(self, section: SectionName, *, package: Package | None = None) -> Sequence[Trouble]:
        with self._database.read() as cursor:
            return troubles.troubles(cursor, section, package)

    def trouble(self, run_id: str) -> Trouble | None:
        with self._database.read() as cursor:
            return troubles.trouble(cursor, run_id)

    def holds(self, section: SectionName) -> Sequence[Hold]:
        with self._database.read() as cursor:
            return troubles.holds(cursor, section)

    # slaves

    def note_contact(self, section: SectionName, *, slave: str, now: datetime) -> None:
        with self._database.read() as cursor:
            if slaves.seen_lately(cursor, section, slave, now):
                return
        with self._database.write() as cursor:
            slaves.note_contact(cursor, section, slave, now)

    def slaves(self) -> Sequence[SlaveRow]:
        with self._database.read() as cursor:
            return slaves.slaves(cursor)

    def resume_slave(self, name: str) -> bool:
        with self._database.write() as cursor:
            return slaves.resume(cursor, name)

    # what is to be tested again

    def queue_recycle(
        self, section: SectionName, packages: Iterable[Package], *, now: datetime
    ) -> Mapping[Package, bool]:
        return recycling.queue(self._database, section, packages, now)

    def recycle_queue(self, section: SectionName) -> Sequence[RecycleMark]:
        with self._database.read() as cursor:
            return recycling.recycle_queue(cursor, section)

    def tested_packages(
        self, section: SectionName, *, problem: str | None = None, before: datetime | None = None
    ) -> Sequence[Package]:
        with self._database.read() as cursor:
            return recycling.tested_packages(cursor, section, problem, before)

    def has_recycle_queue(self, section: SectionName) -> bool:
        with self._database.read() as cursor:
            return recycling.is_queued(cursor, section)

    def retest_counts(self, section: SectionName) -> Mapping[PackageState, int]:
        with self._database.read() as cursor:
            return recycling.retest_counts(cursor, section)

    def retest_states(self, section: SectionName) -> Mapping[Package, PackageState]:
        with self._database.read() as cursor:
            return recycling.retest_states(cursor, section)
