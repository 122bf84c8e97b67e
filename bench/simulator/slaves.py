"""Scripted slaves: what a slave does from day to day, and what befalls it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from bench.simulator.faults import Faults
from bench.simulator.host import Host
from bench.simulator.ledger import Job, Ledger
from bench.simulator.patience import Patience
from bench.simulator.wire import Accident, Cut, SlaveEnd
from bench.simulator.world import Wakers, World
from piufarm.config.model import Section
from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol.messages import Busy, Idle, Ok, Reserve, Result, SelectSection, Status, Trouble, Unreserve
from piufarm.trouble import TroubleKind

Script = Generator[float | Wakers, None, None]

_RETRY_SECONDS: Final = (5.0, 60.0)
_REBOOT_SECONDS: Final = (30.0, 1800.0)
_TAKES_PER_STATUS: Final = 10  # counting packages costs more than all else, and a slave only writes the counts down


@dataclass(frozen=True)
class Tests:
    """What tests of packages come to, and how long they take; the same for every slave."""

    seed: int
    failing: frozenset[Package]
    median_seconds: float = 20.0
    log_bytes: int = 1000
    # A tester ends what takes longer: who is not heard of for reservation-timeout has lost what it holds. The slowest
    # slaves take twice as long.
    most_seconds: float = 600.0

    def outcome(self, package: Package) -> Outcome:
        """What a test of it says."""
        if package not in self.failing:
            return Outcome.PASS
        return Outcome.UNTESTABLE if Random(f"{self.seed} {package} kind").random() < 0.1 else Outcome.FAIL

    def seconds(self, package: Package) -> float:
        """On a slave of speed 1: some packages take a hundred times as long as others."""
        return min(Random(f"{self.seed} {package}").lognormvariate(0.0, 1.0) * self.median_seconds, self.most_seconds)


class Finished(NamedTuple):
    """A log that waits for its `ok`."""

    job: Job
    says: Outcome | TroubleKind
    log: bytes
    digest: str


@dataclass(frozen=True)
class Surroundings:
    """What all slaves share."""

    world: World
    host: Host
    ledger: Ledger
    patience: Patience
    section: Section
    faults: Faults
    tests: Tests
    compress: bool = True  # logs of slaves that may


@dataclass
class Slave:
    """Speaks the plain protocol, as every slave of piuparts does: takes a batch, tests it, reports it."""

    name: str
    speed: float
    batch: int
    around: Surroundings
    reserved: list[Job] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    tests_done: int = 0
    _contact_at: float = 0.0
    _wait: float = 0.0
    _logs: int = 0
    _takes: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing to do and nothing to tell."""
        return not self.reserved and not self.finished

    def life(self) -> Script:
        """From the first start on, for ever."""
        random = self.around.world.random
        yield random.uniform(0.0, 60.0)
        while True:
            try:
                yield from self.contact()
            except Cut:
                yield random.uniform(*_RETRY_SECONDS)
                continue
            if self.reserved:
                yield from self.work()
            else:
                yield self._wait

    # -- with the master

    def contact(self) -> Script:
        """Deliver, then take on a batch. Raises Cut."""
        line = yield from self.open()
        if line is None:
            return
        yield from self.flush(line)
        if not self.reserved and (yield from self.is_worth_asking(line)):
            yield from self.take(line)
            self._takes += 1
            if not self._takes % _TAKES_PER_STATUS:
                yield from line.ask(Status())
            self._wait = float(self.around.section.idle_sleep)
        line.hang_up()

    def is_worth_asking(self, line: SlaveEnd) -> Generator[float | Wakers, None, bool]:
        """Whether there may be work; else it waits for as long as it is told."""
        reply = yield from line.ask(Idle())
        assert isinstance(reply, Ok)
        self._wait = min(float(reply.words[0]), float(self.around.section.idle_sleep))
        if self._wait:
            self.around.patience.in_vain(self.name)
        return not self._wait

    def open(self) -> Generator[float | Wakers, None, SlaveEnd | None]:
        """A session with the section selected; None if that is busy."""
        line = self.around.host.connect(self.name)
        yield from line.greeting()
        asked_at = self.around.world.seconds
        reply = yield from line.ask(SelectSection(self.around.section.name))
        if isinstance(reply, Busy):
            line.hang_up()
            self._wait = self.around.world.random.uniform(60.0, 179.0)
            return None
        assert reply == Ok(), reply
        self._contact_at = asked_at
        self.greeted(asked_at)
        return line

    def greeted(self, asked_at: float) -> None:
        """A contact keeps what a slave holds."""
        self.around.ledger.extended(self.name, self.jobs, asked_at + self.around.section.reservation_timeout)

    @property
    def jobs(self) -> Sequence[Job]:
        """All that it has."""
        return [*self.reserved, *(one.job for one in self.finished)]

    def flush(self, line: SlaveEnd) -> Script:
        """Deliver all logs. Raises Cut."""
        while self.finished:
            one = self.finished[0]
            yield from self.deliver(line, one)
            self.finished.remove(one)

    def deliver(self, line: SlaveEnd, one: Finished) -> Script:
        """Deliver one log, unless the connection breaks. Raises Cut."""
        world, ledger = self.around.world, self.around.ledger
        accident = None
        if self.happens("connection cut", self.around.faults.accident):
            accident = world.random.choice(list(Accident))
            ledger.events[accident.value] += 1
        if isinstance(one.says, Outcome):
            ledger.sending(one.job, one.digest)
        else:
            ledger.returned(self.name, one.job, "trouble")
        head, body = self.form(one)
        reply = yield from line.deliver(head, body, accident)
        assert reply == Ok(), reply
        if isinstance(one.says, Outcome):
            ledger.acknowledged(self.name, one.job, one.digest)

    def form(self, one: Finished) -> tuple[Result | Trouble, bytes]:
        """How a log is announced and sent."""
        assert isinstance(one.says, Outcome)
        return Result(one.says, *one.job), one.log

    def take(self, line: SlaveEnd) -> Script:
        """Reserve up to a batch of packages. Raises Cut."""
        while len(self.reserved) < self.batch:
            asked_at = self.around.world.seconds
            reply = yield from line.ask(Reserve())
            if not isinstance(reply, Ok):
                if not self.reserved:
                    self.around.patience.in_vain(self.name)
                return
            self.took(reply.words, asked_at + self.around.section.reservation_timeout)

    def took(self, words: Sequence[str], deadline: float) -> None:
        """Remember packages that were handed out."""
        self.around.patience.satisfied(self.name)
        for package, version in zip(words[::2], words[1::2], strict=True):
            job = (Package(package), Version(version))
            self.reserved.append(job)
            self.around.ledger.given(self.name, job, deadline)

    # -- at work

    def happens(self, what: str, probability: float) -> bool:
        """Whether a fault of this probability comes true now."""
        if self.around.world.random.random() >= probability:
            return False
        self.around.ledger.events[what] += 1
        return True

    def work(self) -> Script:
        """Test what was taken, in order, unless something happens."""
        faults = self.around.faults
        while self.reserved:
            job = self.reserved[0]
            self.around.ledger.begun(self.name, job)
            yield from self.test(job)
            if self.happens("slave died", faults.death):
                yield from self.die()
            elif self.happens("slave away", faults.absence):
                yield from self.be_away()
            elif self.happens("slave stopped", faults.interrupt):
                yield from self.stop()
            elif self.around.world.seconds - self._contact_at > self.around.section.slave_flush_interval > 0:
                yield from self.report_in_between()

    def report_in_between(self) -> Script:
        """Deliver what is there, while there is more to test."""
        try:
            line = yield from self.open()
            if line is not None:
                yield from self.flush(line)
                line.hang_up()
        except Cut:
            pass  # there will be another time

    def test(self, job: Job) -> Script:
        """One test, whose log waits for delivery then."""
        tests = self.around.tests
        yield tests.seconds(job[0]) / self.speed
        if job in self.reserved:
            self.reserved.remove(job)
            self.finish(job, tests.outcome(job[0]))

    def finish(self, job: Job, says: Outcome | TroubleKind) -> None:
        """Write a log that no other is equal to."""
        self._logs += 1
        self.tests_done += 1
        head = f"{job[0]} {job[1]} by {self.name}, its log number {self._logs}\n".encode()
        log = head + b".\n" * max(0, (self.around.tests.log_bytes - len(head)) // 2)
        self.finished.append(Finished(job, says, log, hashlib.sha256(log).hexdigest()))

    # -- what may befall it

    def die(self) -> Script:
        """Lose everything, and come back later."""
        self.around.ledger.befallen(self.name, self.jobs, "slave died")
        self.reserved.clear()
        self.finished.clear()
        yield self.around.world.random.uniform(*_REBOOT_SECONDS)

    def be_away(self) -> Script:
        """Be out of reach until others may have got what it holds."""
        self.around.ledger.befallen(self.name, self.jobs, "slave was away")
        yield self.around.section.reservation_timeout * self.around.world.random.uniform(0.8, 2.5)

    def stop(self) -> Script:
        """Be stopped by a person: deliver what is there, give the rest back, and start again later."""
        while self.jobs:
            try:
                line = yield from self.open()
                if line is not None:
                    yield from self.flush(line)
                    while self.reserved:
                        job = self.reserved[0]
                        self.around.ledger.returned(self.name, job, "given back")
                        assert (yield from line.ask(Unreserve(*job))) == Ok()
                        self.reserved.remove(job)
                    line.hang_up()
            except Cut:
                pass
            if self.jobs:
                yield self.around.world.random.uniform(*_RETRY_SECONDS)
        yield self.around.world.random.uniform(*_REBOOT_SECONDS)
