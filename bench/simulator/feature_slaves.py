"""Scripted slaves that ask for the master's features: leases that they renew, troubles, compressed logs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from bench.simulator.ledger import Job
from bench.simulator.slaves import Finished, Script, Slave
from bench.simulator.wire import Cut, SlaveEnd
from bench.simulator.world import Wakers
from piufarm.outcome import Outcome
from piufarm.protocol import Feature, Holdings
from piufarm.protocol.features import features_in
from piufarm.protocol.messages import Features, Lease, Ok, Renew, Result, Trouble, Unreserve
from piufarm.trouble import TroubleKind

_KINDS: Final = (TroubleKind.NETWORK, TroubleKind.MIRROR, TroubleKind.DISK, TroubleKind.TIMEOUT, TroubleKind.KILLED)


@dataclass
class FeatureSlave(Slave):
    """Leases a few packages at a time, renews while it works, and says when a test says nothing."""

    is_broken: bool = False  # nothing works in its chroots
    _lease_seconds: float = 0.0
    _renew_at: float = 0.0
    _has_zstd: bool = False

    def contact(self) -> Script:
        """Deliver, renew or lease. Raises Cut."""
        line = yield from self.open()
        if line is None:
            return
        yield from self.flush(line)
        if self.reserved:
            yield from self._renew(line)
        else:
            yield from self._lease(line)
        line.hang_up()

    def open(self) -> Generator[float | Wakers, None, SlaveEnd | None]:
        """A session with the section selected, whose features are known; None if that is busy."""
        line = yield from super().open()
        if line is not None:
            reply = yield from line.ask(Features())
            assert isinstance(reply, Ok)
            features = features_in(reply)
            assert {Feature.LEASE, Feature.TROUBLE} <= features
            self._has_zstd = Feature.ZSTD in features
        return line

    def greeted(self, asked_at: float) -> None:
        """Leases are renewed by `renew`, not by any contact."""

    def _lease(self, line: SlaveEnd) -> Script:
        if not (yield from self.is_worth_asking(line)):
            return
        asked_at = self.around.world.seconds
        reply = yield from line.ask(Lease(self.batch))
        if not isinstance(reply, Ok):
            self.around.patience.in_vain(self.name)
            self._wait = float(self.around.section.idle_sleep)
            return
        self._set_deadline(asked_at, Holdings.of(reply).seconds)
        self.took(reply.words[1:], asked_at + self._lease_seconds)

    def _renew(self, line: SlaveEnd) -> Script:
        asked_at = self.around.world.seconds
        reply = yield from line.ask(Renew())
        assert isinstance(reply, Ok)
        holdings = Holdings.of(reply)
        self._set_deadline(asked_at, holdings.seconds)
        self.around.ledger.extended(self.name, holdings.packages, asked_at + self._lease_seconds)
        self.reserved = [job for job in self.reserved if job in holdings.packages]
        for job in holdings.packages:
            if job not in self.jobs:  # the reply that gave it never came, or it was lost with the disk
                self.around.ledger.returned(self.name, job, "given back, for it was unknown")
                assert (yield from line.ask(Unreserve(*job))) == Ok()

    def _set_deadline(self, asked_at: float, seconds: float) -> None:
        self._lease_seconds = seconds
        self._renew_at = asked_at + seconds / 3

    def form(self, one: Finished) -> tuple[Result | Trouble, bytes]:
        """Compressed, if the master knows that."""
        size, body = None, one.log
        if self._has_zstd and self.around.compress:
            from zstandard import ZstdCompressor

            body = ZstdCompressor().compress(one.log)
            size = len(body)
        if isinstance(one.says, Outcome):
            return Result(one.says, *one.job, size), body
        return Trouble(*one.job, one.says, size), body

    def test(self, job: Job) -> Script:
        """One test, during which the lease is renewed."""
        tests, world = self.around.tests, self.around.world
        if self.is_broken:
            yield world.random.uniform(1.0, 5.0)
            self._end_in_trouble(job, TroubleKind.CHROOT)
            return
        until = world.seconds + tests.seconds(job[0]) / self.speed
        while world.seconds < until and job in self.reserved:
            yield min(until, max(self._renew_at, world.seconds + 1.0)) - world.seconds
            if world.seconds >= self._renew_at:
                yield from self._keep_in_touch()
        if job not in self.reserved:
            return
        if self.happens("test in trouble", self.around.faults.trouble):
            self._end_in_trouble(job, world.random.choice(_KINDS))
        else:
            self.reserved.remove(job)
            self.finish(job, tests.outcome(job[0]))

    def _end_in_trouble(self, job: Job, kind: TroubleKind) -> None:
        self.reserved.remove(job)
        self.finish(job, kind)

    def _keep_in_touch(self) -> Script:
        try:
            yield from self.contact()
        except Cut:
            self._renew_at = self.around.world.seconds + self._lease_seconds / 20

    def be_away(self) -> Script:
        """Be out of reach until others may have got what it holds."""
        self.around.ledger.befallen(self.name, self.jobs, "slave was away")
        yield self.around.section.lease_timeout * self.around.world.random.uniform(0.8, 2.5)
