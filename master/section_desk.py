"""One section, served to one session: what each request does there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, assert_never

from piufarm.config.model import Section
from piufarm.errors import FarmError
from piufarm.master.classic import show
from piufarm.master.evaluator import is_being_evaluated
from piufarm.master.intake import Delivery, take_in
from piufarm.master.layout import SectionFiles
from piufarm.master.machine import Machine
from piufarm.master.queries import Dependencies
from piufarm.names import Package
from piufarm.protocol.messages import (
    Error,
    Idle,
    Ok,
    QueryDepcycle,
    QueryDepends,
    QueryList,
    QueryRecursiveDepends,
    QueryState,
    Recycle,
    Reply,
    Reserve,
    Result,
    Status,
    Unreserve,
)
from piufarm.states import PackageState
from piufarm.store.model import Reservation, Store

Query = QueryState | QueryDepends | QueryRecursiveDepends | QueryDepcycle | QueryList
Question = Recycle | Idle | Reserve | Unreserve | Status | Query

REFRESH_SECONDS: Final = 3600  # how often `piufarm master refresh` is expected to run
_RESULTS_EXPECTED_SECONDS: Final = 60  # while others test, what they report may make packages testable any time
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Surroundings:
    """What a session has apart from its section."""

    store: Store
    slave: str | None  # who we talk to, by the forced command; None: not said
    config: Path
    errors: Path  # where processes that we start complain
    warn: Callable[[str], None]  # takes one line for the administrator
    machine: Machine


class SectionDesk:
    """Answers requests about one section."""

    def __init__(self, section: Section, files: SectionFiles, around: Surroundings) -> None:
        self.section = section
        self.files = files
        self._around = around
        self._store = around.store
        self._clock = around.machine.clock

    def greet(self) -> None:
        """A contact of its owner keeps what a slave holds."""
        if self._around.slave is not None:
            self._store.extend_reservations(
                self.section.name, owner=self._around.slave, deadline=self._deadline(self._clock())
            )

    def answer(self, question: Question) -> Reply:
        """The reply to anything but a result. Raises StoreError."""
        match question:
            case Reserve():
                found = self._reserve()
                return Ok((found.package, found.version)) if found else Error()
            case Unreserve(package, version):
                self._store.unreserve(
                    self.section.name, package, version, owner=self._around.slave, now=self._clock()
                )
                return Ok()
            case Idle():
                return Ok((str(self._idle_seconds()),))
            case Status():
                return self._status()
            case Recycle():
                return Error()  # nothing is queued for a retest
            case QueryState() | QueryDepends() | QueryRecursiveDepends() | QueryDepcycle() | QueryList():
                return self._look_up(question)
            case _:
                assert_never(question)

    def store_result(self, head: Result, chunks: Iterable[bytes]) -> Reply:
        """Take a result in; the reply is due when this returns. Raises LogNotStored, StoreError."""
        delivery = Delivery(head.outcome, head.package, head.version, self._around.slave, self._clock())
        recorded = take_in(delivery, chunks, store=self._store, section=self.section.name, files=self.files)
        try:
            show(recorded, self.files)
        except OSError as error:
            # the result is safe; only the view of it lags behind
            self._around.warn(f"{error.filename}: {error.strerror} (`piufarm master fsck --repair` catches up)")
        return Ok()

    def leave(self) -> None:
        """Have the consequences of what came in worked out."""
        try:
            if self._store.evaluation_due(self.section.name):
                self._start_evaluator()
        except FarmError as error:
            self._around.warn(error.message)  # all that was promised is done: no reason to end badly

    def _deadline(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.section.reservation_timeout)

    def _take(self) -> Reservation | None:
        now = self._clock()
        self._store.expire_reservations(self.section.name, now=now, max_retries=self.section.max_retries)
        return self._store.reserve(
            self.section.name, owner=self._around.slave, now=now, deadline=self._deadline(now)
        )

    def _reserve(self) -> Reservation | None:
        """The best candidate; while an evaluation is outstanding, wait for it before saying that there is none."""
        found = self._take()
        if not self._store.evaluation_due(self.section.name) or not self._start_evaluator():
            return found
        until = self._clock() + timedelta(seconds=self.section.reserve_wait)
        while found is None and self._clock() < until:
            self._around.machine.sleep(_POLL_SECONDS)
            still_due = self._store.evaluation_due(self.section.name)
            found = self._take()
            if not still_due:
                break
        return found

    def _start_evaluator(self) -> bool:
        """Whether a process is at work on the states now."""
        try:
            if not is_being_evaluated(self.files.root):
                self._around.machine.start_evaluator(
                    self.section.name, config=self._around.config, errors=self._around.errors
                )
        except (FarmError, OSError) as error:
            self._around.warn(f"cannot start the evaluation of {self.section.name}: {error}")
            return False
        return True

    def _idle_seconds(self) -> int:
        """How long there is certainly nothing to hand out; 0 if there is, or if it is not known."""
        row = self._store.section(self.section.name)
        now = self._clock()
        if row is None or row.refreshed_at is None or self._store.evaluation_due(self.section.name):
            return 0
        if self._store.has_candidate(self.section.name, owner=self._around.slave, now=now):
            return 0
        age = max(0, int((now - row.refreshed_at).total_seconds()))  # less than 0 if a clock was set back
        left = max(0, REFRESH_SECONDS - age)
        return min(left, _RESULTS_EXPECTED_SECONDS) if self._store.reservations(self.section.name) else left

    def _status(self) -> Reply:
        counts = self._store.counts(self.section.name)
        words = [f"{state}={counts[state]}" for state in PackageState]
        return Ok((*words, f"total={sum(counts.values())}"))

    def _look_up(self, query: Query) -> Reply:
        section = self.section.name
        if isinstance(query, QueryList):
            if query.state not in list(PackageState):
                return Error()
            return Ok(tuple(row.name for row in self._store.packages(section, PackageState(query.state))))
        row = self._store.package(section, query.package)
        if row is None:
            return Error()
        if isinstance(query, QueryState):
            return Ok((row.state.value, row.test_version))
        return Ok(tuple(self._dependencies(query)))

    def _dependencies(self, query: QueryDepends | QueryRecursiveDepends | QueryDepcycle) -> Iterable[Package]:
        dependencies = Dependencies(self._store, self.section.name)
        match query:
            case QueryDepends(package):
                return dependencies.direct(package)
            case QueryRecursiveDepends(package):
                return dependencies.closure(package)
            case QueryDepcycle(package):
                return dependencies.cycle(package)
            case _:
                assert_never(query)
