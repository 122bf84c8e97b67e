"""A campaign: many programs at once, killed where the plan says, then looked at, again and again."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from bench.killing import newcomers
from bench.killing.databases import Accident, Database
from bench.killing.judge import Judge, said_by
from bench.killing.newcomers import Newcomer
from bench.killing.oracle import Oracle
from bench.killing.points import Stage, stage_of
from bench.killing.programs import SESSION, Programs
from bench.killing.slaves import Slave
from bench.killing.world import RESERVATION_SECONDS, Session, World, was_killed
from piufarm.faults import Action, Fault
from piufarm.run import Child

AT_RANDOM: Final = "at a random moment"
_SLAVES: Final = 8
_AT_ONCE: Final = 4
_LATEST_SECONDS: Final = 0.7  # of a random kill or an accident, after the start of the programs
_ROUNDS_OF_A_DRAINED_SLAVE: Final = 3
_ATTEMPTS: Final = 30  # until a program passes the point at which it is to die
_OF_FEATURES: Final = ("trouble.", "renew.", "intake.trouble")
_KILLS_OF_A_MOVE: Final = 4
_OFTEN_PASSED: Final = "move.batch-loaded"
_PASSAGES: Final = (1, 1, 1, 2, 2, 3, 5)


class Target(NamedTuple):
    """Something to be hit: a program at a point (or AT_RANDOM), which may also fail there instead of being killed."""

    program: str
    point: str
    action: Action = Action.KILL


class Killed(NamedTuple):
    """A program that was killed."""

    target: Target
    stage: Stage


@dataclass
class Tally:
    """What a campaign has done so far."""

    kills: list[Killed] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)  # full and broken disks that were played, by point
    accidents: Counter[str] = field(default_factory=Counter)
    missed: Counter[Target] = field(default_factory=Counter)  # targets that no attempt has hit
    problems: list[str] = field(default_factory=list)
    rounds: int = 0


class Campaign:
    """Kills programs of one world. The same seed makes the same plan; the processes run as fast as they happen to."""

    def __init__(
        self,
        world: World,
        database: Database,
        programs: Programs,
        chance: Random,
        *,
        tell: Callable[[str], None],
        seconds: float,
    ) -> None:
        """It ends after so many seconds, hit or missed."""
        self.world = world
        self.tally = Tally()
        self.oracle = programs.oracle
        self.judge = Judge(world, self.oracle, programs.older)
        evaluator = Accident("an evaluator that a session has started", lambda: world.kill_evaluators() > 0)
        self._accidents = [evaluator, *database.accidents]
        self._moves_to = database.moves_to
        self._moves: list[str] = []  # the points at which moves of the store are to be killed
        self._programs = programs
        self._chance = chance
        self._tell = tell
        self._ends_at = time.monotonic() + seconds
        self._slaves = [
            Slave(f"worker{number}", number % 2 == 0, self.oracle, Random(chance.random()))
            for number in range(_SLAVES)
        ]
        self._numbers = iter(range(1_000_000_000))
        self.passed: dict[str, set[str]] = {program: set() for program in programs.names}  # points by program

    def begin(self) -> None:
        """Give the master something to do."""
        self.world.write_configuration()
        status, said = self.world.run("refresh")
        assert status == 0, said

    def explore(self, turns: int) -> None:
        """See which points the programs pass when nobody hurts them."""
        for _ in range(turns):
            for program in self.passed:
                slaves = self._chance.sample(self._slaves, _AT_ONCE)
                unhurt = partial(self._start, Target(program, ""), None)
                with ThreadPoolExecutor(_AT_ONCE) as pool:
                    list(pool.map(unhurt, slaves))

    def run(self, targets: Sequence[Target], *, batch: int, accidents: int = 0) -> None:
        """Hit every target; look at what is left after each batch of rounds, and stop at the first problem.

        During `accidents` rounds something happens to the database, too.
        """
        waiting = [(target, _ATTEMPTS) for target in targets]
        self._chance.shuffle(waiting)
        rounds = max(1, len(waiting) // _AT_ONCE)
        unlucky = Counter(self._chance.choices(range(rounds), k=accidents))
        while waiting and not self.is_over():
            chosen = [waiting.pop() for _ in range(min(_AT_ONCE, len(waiting)))]
            accident = self._accidents[self.tally.rounds % len(self._accidents)] if unlucky[self.tally.rounds] else None
            for target, attempts in self._missed(chosen, accident):
                if attempts > 1:
                    waiting.insert(0, (target, attempts - 1))
                else:
                    self.tally.missed[target] += 1
            self.tally.rounds += 1
            if self.tally.rounds % _ROUNDS_OF_A_DRAINED_SLAVE == 0:
                self._resume_slaves()
            if self.tally.rounds % batch == 0 or not waiting:
                self._move()
                self.look()
                results = len(self.oracle.acknowledged)
                self._tell(f"{len(self.tally.kills)} kills, {results} results, {len(waiting)} targets left")

    def is_over(self) -> bool:
        """Whether a promise was broken, or the time is up."""
        return bool(self.tally.problems) or time.monotonic() > self._ends_at

    def plan_moves(self, points: Sequence[str]) -> None:
        """Let the store move to other databases, between two batches, and be killed at these points on the way."""
        self._moves = self._chance.sample(list(points), len(points))

    def _move(self) -> None:
        self.world.kill_evaluators()
        for target in self._moves_to() if self._moves else ():
            for _ in range(min(len(self._moves), _KILLS_OF_A_MOVE)):
                self._kill_move(self._moves.pop(), target)
            status, said = self.world.run("move-state", target)
            if status != 0:
                self.tally.problems.append(f"move-state ({status}): {said}")
                return
            self.world.state = target
            self.world.write_configuration()

    def _kill_move(self, point: str, target: str) -> None:
        passage = self._chance.choice(_PASSAGES) if point == _OFTEN_PASSED else 1
        trace = self.world.directory / f"trace-{next(self._numbers)}"
        child = self.world.start(["move-state", target], fault=Fault(point, Action.KILL, passage), trace=trace)
        if was_killed(child.wait()):
            self.tally.kills.append(Killed(Target("move-state", point), Stage.COMMIT))
        else:
            self.tally.missed[Target("move-state", point)] += 1

    def look(self) -> None:
        """Judge, when all that was started has ended."""
        self.tally.problems += self.judge.problems()
        if self.tally.problems:
            self.tally.problems.append(f"the programs said:\n{said_by(self.world)}")

    def _resume_slaves(self) -> None:
        """What a kill has cost a slave is no fault of its own; all shall go on."""
        with closing(self.world.open()) as store:
            for slave in store.slaves():
                store.resume_slave(slave.name)

    def _missed(
        self, chosen: Sequence[tuple[Target, int]], accident: Accident | None
    ) -> Iterator[tuple[Target, int]]:
        """Run the programs of these targets at once; those that were not hit."""
        # those that need a slave with features come first and get one
        chosen = sorted(chosen, key=lambda one: not one[0].point.startswith(_OF_FEATURES))
        slaves = sorted(self._chance.sample(self._slaves, len(chosen)), key=lambda slave: not slave.featured)
        plans = [
            (target, slave, self._chance.choice(_PASSAGES) if attempts == _ATTEMPTS else 1, self._moment())
            for (target, attempts), slave in zip(chosen, slaves, strict=True)
        ]
        with ThreadPoolExecutor(len(chosen)) as pool, _later(self._moment(), lambda: self._let_happen(accident)):
            hits = list(pool.map(lambda plan: self._hit(*plan), plans))
        return (one for one, hit in zip(chosen, hits, strict=True) if not hit)

    def _moment(self) -> float:
        return self._chance.random() * _LATEST_SECONDS

    def _let_happen(self, accident: Accident | None) -> None:
        if accident is not None and accident.happen():
            self.tally.accidents[accident.name] += 1

    def _hit(self, target: Target, slave: Slave, passage: int, seconds: float) -> bool:
        fault = None if target.point == AT_RANDOM else Fault(target.point, target.action, passage)
        status, passed = self._start(target, fault, slave, seconds if fault is None else None)
        if was_killed(status):
            self.tally.kills.append(Killed(target, stage_of(passed)))
            return True
        if target.action is Action.KILL or passed.count(target.point) < passage:
            return False
        self.tally.failures[target.point] += 1
        return True

    def _start(
        self, target: Target, fault: Fault | None, slave: Slave, kill_after: float | None = None
    ) -> tuple[int, Sequence[str]]:
        """Run a program to its end; its status and the points that it passed."""
        trace = self.world.directory / f"trace-{next(self._numbers)}"
        if target.program in newcomers.PROGRAMS:
            return self._start_newcomer(target.program, fault, trace, kill_after)
        talk = target.program == SESSION
        words = ["session", "--slave", slave.name] if talk else self._programs.words(target.program)
        child = self.world.start(words, fault=fault, trace=trace, talk=talk)
        with _later(kill_after, lambda: _kill(child)):
            if talk:
                session = Session(child)
                slave.turn(session.stream, target.point)
                session.end()
            status = child.wait()
        return status, self._points(target.program, trace)

    def _start_newcomer(
        self, program: str, fault: Fault | None, trace: Path, kill_after: float | None
    ) -> tuple[int, Sequence[str]]:
        new = Newcomer(program, self.world, trace.with_suffix(".new"))
        child = new.world.start(new.words, fault=fault, trace=trace)
        with _later(kill_after, lambda: _kill(child)):
            status = child.wait()
        self.tally.problems += new.problems()
        return status, self._points(program, trace)

    def _points(self, program: str, trace: Path) -> Sequence[str]:
        passed = trace.read_text().split() if trace.exists() else []
        trace.unlink(missing_ok=True)
        self.passed[program].update(passed)
        return passed


def new_campaign(
    world: World,
    database: Database,
    programs: Programs,
    chance: Random,
    *,
    tell: Callable[[str], None],
    seconds: float = math.inf,
) -> Campaign:
    """A campaign whose master has something to do."""
    campaign = Campaign(world, database, programs, chance, tell=tell, seconds=seconds)
    campaign.begin()
    return campaign


def new_oracle() -> Oracle:
    """One that knows how long a plain reservation lasts in a campaign's world."""
    return Oracle(RESERVATION_SECONDS)


def _kill(child: Child) -> None:
    if child.poll() is None:
        os.kill(child.pid, signal.SIGKILL)


@contextmanager
def _later(seconds: float | None, action: Callable[[], None]) -> Iterator[None]:
    """Do something while the block runs, unless it ends before; without `seconds` never."""
    timer = threading.Timer(seconds, action) if seconds is not None else None
    if timer is not None:
        timer.start()
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()
