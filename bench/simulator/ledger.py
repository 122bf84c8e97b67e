"""What slaves were promised and have seen, kept apart from the master, and the rules that must hold all the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.simulator.world import World
from piufarm.names import Package, Version

Job = tuple[Package, Version]


class Violation(AssertionError):
    """The master has broken one of its promises."""


@dataclass
class Hold:
    """A package in the hands of a slave, as that slave knows."""

    owner: str
    deadline: float  # at least so long it is the slave's
    is_tested: bool = False
    fault: str = ""  # what has befallen it
    end: str = ""  # how it ended


@dataclass
class Story:
    """All that happened to one package."""

    holds: list[Hold] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)  # digests of logs, each of which is unique
    acknowledged: dict[str, bool] = field(default_factory=dict)  # by digest: sent in time by the one who held it


@dataclass
class Ledger:
    """Every package's story."""

    world: World
    stories: dict[Job, Story] = field(default_factory=dict)
    second_runs: Counter[str] = field(default_factory=Counter)  # by what has made them necessary
    events: Counter[str] = field(default_factory=Counter)

    def story(self, job: Job) -> Story:
        """What happened to this package."""
        return self.stories.setdefault(job, Story())

    def given(self, slave: str, job: Job, deadline: float) -> None:
        """The slave has read that a package is its own now."""
        story = self.story(job)
        for hold in story.holds:
            if not hold.end:
                self._let_go(job, hold, slave)
        if story.acknowledged:
            raise Violation(f"{job} was handed out to {slave} although its result is there")
        story.holds.append(Hold(slave, deadline))
        self.events["packages handed out"] += 1

    def _let_go(self, job: Job, hold: Hold, slave: str) -> None:
        if self.world.seconds < hold.deadline:
            raise Violation(f"{job} is held by {hold.owner} until {hold.deadline} and was handed out to {slave}")
        hold.end = "expired"

    def held(self, slave: str, job: Job) -> Hold | None:
        """The slave's hold on a package, if it is the last one and has not ended."""
        holds = self.story(job).holds
        return holds[-1] if holds and holds[-1].owner == slave and not holds[-1].end else None

    def extended(self, slave: str, jobs: Iterable[Job], deadline: float) -> None:
        """The slave may keep these for longer; what had expired before is not counted on."""
        for job in jobs:
            hold = self.held(slave, job)
            if hold is not None and hold.deadline > self.world.seconds:
                hold.deadline = max(hold.deadline, deadline)

    def befallen(self, slave: str, jobs: Iterable[Job], fault: str) -> None:
        """Something has happened that keeps the slave from reporting these in time."""
        for job in jobs:
            hold = self.held(slave, job)
            if hold is not None:
                hold.fault = fault

    def begun(self, slave: str, job: Job) -> None:
        """A test begins; if it is not the first one, a fault must have come before."""
        story = self.story(job)
        if any(hold.is_tested for hold in story.holds):
            faults = [hold.fault for hold in story.holds if hold.fault]
            if not faults:
                raise Violation(f"{slave} tests {job} again, and nothing has happened: {story.holds}")
            self.second_runs[faults[0]] += 1
        mine = [hold for hold in story.holds if hold.owner == slave]
        mine[-1].is_tested = True

    def returned(self, slave: str, job: Job, how: str) -> None:
        """The slave gives a package back without a result."""
        if (hold := self.held(slave, job)) is not None:
            hold.end = how
            hold.fault = hold.fault or how
        self.events[how] += 1

    def sending(self, job: Job, digest: str) -> None:
        """A result is on its way, for the first time or again."""
        story = self.story(job)
        if digest in story.sent:
            self.events["results sent again"] += 1
        story.sent.add(digest)

    def acknowledged(self, slave: str, job: Job, digest: str) -> None:
        """The master has said `ok` to a result."""
        hold = self.held(slave, job)
        if hold is None or hold.fault:
            self.events["results after the deadline or a fault"] += 1
        story = self.story(job)
        # past its deadline it may have lapsed, whether or not somebody else has got it since
        story.acknowledged.setdefault(digest, hold is not None and self.world.seconds < hold.deadline)
        if hold is not None:
            hold.end = "reported"
        self.events["results"] += 1
