"""One simulated farm, from the first contact to the last result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from bench.simulator.archives import failing_packages
from bench.simulator.faults import Faults
from bench.simulator.feature_slaves import FeatureSlave
from bench.simulator.host import Host
from bench.simulator.ledger import Ledger, Violation
from bench.simulator.office import SECTION
from bench.simulator.patience import Patience
from bench.simulator.slaves import Script, Slave, Surroundings, Tests
from bench.simulator.verdict import check_end
from bench.simulator.world import NOON, World
from piufarm.config.model import Configuration
from piufarm.master.evaluator import bring_up_to_date
from piufarm.master.layout import section_files
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.model import Store

_LOOK_SECONDS: Final = 60.0  # between two looks at whether all is done
_TELL_SECONDS: Final = 300.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0


@dataclass(frozen=True)
class Plan:
    """What is to happen in a farm whose section has been refreshed."""

    seed: int
    slaves: int
    faults: Faults = Faults()  # noqa: RUF009 (it is frozen)
    featured: float = 0.5  # share of slaves that ask for features
    failing: float = 0.03
    evaluation_seconds: float = 5.0  # of simulated time
    gather_seconds: float = 10.0
    test_seconds: float = 20.0  # the median
    log_bytes: int = 1000
    max_reserved: int = 50  # that a slave takes at a time
    beginning: datetime = NOON  # not before the section was refreshed
    days_max: float = 10.0
    tell: Callable[[str], None] = lambda text: None  # takes a line about the progress now and then


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    days: float  # simulated
    wall_seconds: float
    cpu_seconds: float
    packages: int
    states: Counter[str]
    results: int
    second_runs: Counter[str]
    events: Counter[str]
    longest_wait: float
    tests_per_slave: tuple[int, int, int]  # least, median, most


class Farm:
    """A master, many slaves, and whoever watches them."""

    def __init__(self, configuration: Configuration, plan: Plan) -> None:
        random = Random(plan.seed)
        self.plan = plan
        self.configuration = configuration
        self.world = World(random, plan.beginning)
        self.ledger = Ledger(self.world)
        self.host = Host(self.world, configuration, plan.faults, plan.evaluation_seconds, plan.gather_seconds)
        self.store: Store = open_store(configuration.farm.state)
        self.patience = Patience(self.world, self.store, self.ledger.events)
        failing = failing_packages(self.store, SECTION, plan.failing, random)
        around = Surroundings(
            self.world,
            self.host,
            self.ledger,
            self.patience,
            configuration.sections[SECTION],
            plan.faults,
            Tests(plan.seed, failing, plan.test_seconds, plan.log_bytes),
        )
        self.slaves = [self._slave(number, around, random) for number in range(plan.slaves)]
        self._is_over = False

    def _slave(self, number: int, around: Surroundings, random: Random) -> Slave:
        speed = max(0.5, random.lognormvariate(0.0, 0.5))
        batch = min(self.plan.max_reserved, random.choice((1, 5, 10, 50)))
        if random.random() >= self.plan.featured:
            return Slave(f"plain{number}", speed, batch, around)
        broken = random.random() < self.plan.faults.broken_slave and number > 0  # somebody has to get it done
        return FeatureSlave(f"slave{number}", speed, batch, around, is_broken=broken)

    def run(self) -> Outcome:
        """Let it work until everything is tested. Raises Violation."""
        wall, cpu = time.monotonic(), time.process_time()
        for slave in self.slaves:
            self.world.start_script(slave.life())
        self.world.start_script(self._watch())
        try:
            while not self._is_over:
                self.world.step()
            self.world.close()
            bring_up_to_date(self.store, SECTION)
            files = section_files(self.configuration.farm.master_directory, SECTION)
            check_end(self.store, SECTION, files, self.ledger)
            return self._outcome(time.monotonic() - wall, time.process_time() - cpu)
        except Violation as violation:
            violation.add_note(f"seed {self.plan.seed}, after {self.world.seconds / _DAY:.4f} simulated days")
            raise
        finally:
            self.world.close()
            self.store.close()

    def _watch(self) -> Script:
        """The timer's refreshes, and the end."""
        refresh_at, tell_at = _HOUR, _TELL_SECONDS
        while not self._is_over:
            yield _LOOK_SECONDS
            if self.world.seconds >= refresh_at:
                refresh_at += _HOUR
                self.store.note_refresh(SECTION, now=self.world.now())
                self._look_around()
            if self.world.seconds >= tell_at:
                tell_at += _TELL_SECONDS
                self._tell_progress()
            if self.world.seconds > self.plan.days_max * _DAY:
                raise Violation(f"not done after {self.plan.days_max} days: {self.store.counts(SECTION)}")
            self._is_over = all(slave.is_empty for slave in self.slaves) and self._is_done()

    def _look_around(self) -> None:
        """What the administrator does every hour: lets go what is held back, and sees whether anything moves."""
        self.patience.look_at_what_is_held({slave.name: slave.jobs for slave in self.slaves})
        if held_back := [hold.package for hold in self.store.holds(SECTION)]:
            self.store.queue_recycle(SECTION, held_back, now=self.world.now())
            self.ledger.events["held back, and let go by a person"] += len(held_back)

    def _tell_progress(self) -> None:
        counts = self.store.counts(SECTION)
        waiting = counts[PackageState.WAITING_TO_BE_TESTED] + counts[PackageState.WAITING_FOR_DEPENDENCY]
        self.plan.tell(
            f"{self.world.seconds / _HOUR:.1f} h: {self.ledger.events['results']:,} results, {waiting:,} packages wait,"
            f" {self.host.counts['evaluations']} evaluations, {time.process_time():.0f} s of CPU"
        )

    def _is_done(self) -> bool:
        counts = self.store.counts(SECTION)
        return not counts[PackageState.WAITING_TO_BE_TESTED] and not self.store.evaluation_due(SECTION)

    def _outcome(self, wall: float, cpu: float) -> Outcome:
        counts = self.store.counts(SECTION)
        done = sorted(slave.tests_done for slave in self.slaves)
        return Outcome(
            days=self.world.seconds / _DAY,
            wall_seconds=wall,
            cpu_seconds=cpu,
            packages=sum(counts.values()),
            states=Counter({state.value: number for state, number in counts.items() if number}),
            results=self.ledger.events["results"],
            second_runs=self.ledger.second_runs,
            events=self.ledger.events + self.host.counts,
            longest_wait=self.patience.longest_wait,
            tests_per_slave=(done[0], done[len(done) // 2], done[-1]),
        )
