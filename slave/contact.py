"""What a section and its master say to each other: logs and packages, both ways."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from piufarm.errors import FarmError
from piufarm.names import SectionName
from piufarm.protocol import Feature
from piufarm.protocol.limits import LEASE_MAX
from piufarm.slave.batch import Job
from piufarm.slave.events import Event, Phase, trouble
from piufarm.slave.lease import Renewer
from piufarm.slave.link.connection import Held, MasterSession
from piufarm.slave.link.route import target_of
from piufarm.slave.spool import Finished, Reserved, is_known
from piufarm.slave.workplace import Workplace

RESTING_SECONDS: Final = 300.0  # before a package whose test ended in trouble is tried here again
RESTING_MAX: Final = 20  # such packages that one contact takes and gives back


class Answer(NamedTuple):
    """What came of asking for packages: how many there are now, and after how many seconds to ask again."""

    taken: int
    wait: float
    recycling: bool = True  # False: asked for packages to test again, the master has none


class Contact:
    """Speaks with the master of one section. Everything raises FarmError if that does not go well."""

    def __init__(self, name: SectionName, place: Workplace) -> None:
        self._name = name
        self._place = place
        self._resting: dict[Reserved, float] = {}
        self._refused: set[Finished] = set()

    def let_rest(self, entry: Reserved) -> None:
        """Do not test this one here again for a while."""
        self._resting[entry] = self._place.clock() + RESTING_SECONDS

    def flush(self, job: Job) -> None:
        """Deliver finished logs and give back what is to be given back."""
        if job.spool.finished() or job.spool.to_give_back():
            self._hand_over(job, self._session(job))

    def confirm(self, job: Job) -> None:
        """Before work of a former life goes on: deliver, and ask whether what is leased is still ours if it may not be.

        Trouble with a lease that has time left can wait.
        """
        if not job.lease.was_asked() and job.lease.seconds_to_renewal() != 0:
            self.flush(job)
            return
        try:
            session = self._session(job)
            self._hand_over(job, session)
            self._learn(job, session)
        except FarmError as error:
            if job.lease.is_over():
                raise
            self._place.masters.close()
            self._place.tell(trouble(error, self._name))

    def ask_for_packages(self, job: Job, *, recycle: bool) -> Answer:
        """One contact: deliver, then take on up to max-reserved packages."""
        session = self._session(job)
        idle_sleep = float(job.section.idle_sleep)
        if recycle and not session.recycle():
            self._hand_over(job, session)
            return Answer(0, 0.0, recycling=False)
        self._hand_over(job, session)
        wait = min(float(session.idle()), idle_sleep)
        if wait > 0:
            return Answer(0, wait)
        taken = self._take(job, session)
        self._hand_over(job, session)
        text = f"reserved {taken}, the master has: {session.status() or 'nothing'}"
        self._place.tell(Event(Phase.NOTE, self._name, text=text))
        return Answer(taken, 0.0 if taken else idle_sleep)

    def renewer(self, job: Job) -> Renewer:
        """What keeps the lease while tests run."""

        def renew() -> Held:
            session = self._place.masters.another_session(target_of(job.section), self._name)
            try:
                if Feature.LEASE not in session.features:
                    raise FarmError("the master knows no leases any more")
                return session.renew()
            finally:
                session.close()

        return Renewer(job.lease, renew, self._place.random_source)

    def take_news(self, job: Job, renewer: Renewer) -> None:
        """Draw the consequences of renewals."""
        for news in renewer.news():
            if isinstance(news, Held):
                self._drop_lost(job, news)
            else:
                self._place.tell(Event(Phase.NOTE, self._name, text=f"cannot renew the lease now: {news}"))

    def _session(self, job: Job) -> MasterSession:
        return self._place.masters.session(target_of(job.section), self._name)

    def _hand_over(self, job: Job, session: MasterSession) -> None:
        """Deliver all finished logs, then give back; what was refused before comes last."""
        for log in sorted(job.spool.finished(), key=lambda log: log in self._refused):
            self._refused.add(log)
            session.deliver(log)
            job.spool.sent(log)
            self._refused.discard(log)
            self._place.tell(Event(Phase.SENT, self._name, Reserved(log.package, log.version), log.outcome))
        for entry in job.spool.to_give_back():
            evidence = job.spool.evidence(entry) if Feature.TROUBLE in session.features else None
            if evidence is None:
                session.unreserve(entry)
            else:
                session.trouble(entry, evidence.kind, evidence.path)
            job.spool.given_back(entry)
            self._place.tell(Event(Phase.GIVEN_BACK, self._name, entry))

    # -- taking packages

    def _take(self, job: Job, session: MasterSession) -> int:
        """Take on packages until the master has nothing more or the slave enough; returns how many."""
        if Feature.LEASE not in session.features:
            job.lease.end()
            return self._take_one_by_one(job, session)
        if job.lease.was_asked() and (found := self._learn(job, session)):
            return found
        job.lease.ask()
        asked_at = time.time()
        held = session.lease(min(job.section.max_reserved, LEASE_MAX))
        if held is None:
            job.lease.end()
            return 0
        taken = sum(self._accept(job, entry) for entry in held.entries)
        job.lease.begin(held.seconds, asked_at=asked_at)
        return taken

    def _take_one_by_one(self, job: Job, session: MasterSession) -> int:
        taken = 0
        for _ in range(job.section.max_reserved + RESTING_MAX):
            if taken >= job.section.max_reserved or self._place.interrupts.stop_requested:
                break
            entry = session.reserve()
            if entry is None:
                break
            taken += self._accept(job, entry)
        return taken

    def _accept(self, job: Job, entry: Reserved) -> bool:
        """Keep a package to test it, unless it is better tested somewhere else for a while."""
        job.spool.reserve(entry)
        if self._resting.get(entry, 0.0) > self._place.clock():
            job.spool.give_back(entry)
            return False
        self._resting.pop(entry, None)
        self._place.tell(Event(Phase.RESERVED, self._name, entry))
        return True

    # -- leases

    def _learn(self, job: Job, session: MasterSession) -> int:
        """Renew; adopt what only the master knows of because a reply was lost. Returns how many were adopted."""
        if Feature.LEASE not in session.features:
            job.lease.end()
            return 0
        asked_at = time.time()
        held = session.renew()
        self._drop_lost(job, held)
        adopted = 0
        if job.lease.was_asked():
            slaves = self._place.directory.parent
            unknown = [entry for entry in held.entries if not is_known(slaves, self._name, entry)]
            adopted = sum(self._accept(job, entry) for entry in unknown)
        job.lease.begin(held.seconds, asked_at=asked_at)
        return adopted

    def _drop_lost(self, job: Job, held: Held) -> None:
        ours = frozenset(held.entries)
        for entry in job.spool.reserved():
            if entry not in ours:
                job.spool.forget(entry)
                self._place.tell(Event(Phase.TAKEN_AWAY, self._name, entry))
