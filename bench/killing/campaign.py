"""A campaign: many programs at once, killed where the plan says, then looked at, again and again."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from bench.killing.archive import ChangingArchive
from bench.killing.judge import Judge, said_by
from bench.killing.oracle import Oracle
from bench.killing.points import Stage, stage_of
from bench.killing.slaves import Slave
from bench.killing.world import RESERVATION_SECONDS, Session, World, was_killed
from piufarm.faults import Action, Fault
from piufarm.run import Child

AT_RANDOM: Final = "at a random moment"
_SLAVES: Final = 8
_AT_ONCE: Final = 4
_LATEST_KILL_SECONDS: Final = 0.6  # of random kills, after the start of the program
_ATTEMPTS: Final = 12  # until a program passes the point at which it is to die
_PASSAGES: Final = (1, 1, 1, 2, 2, 3, 5)


class Target(NamedTuple):
    """A program to be killed: `session` or the words of a command, at a point (or AT_RANDOM)."""

    program: str
    point: str


class Killed(NamedTuple):
    """A program that was killed."""

    target: Target
    last: str  # the last point that it passed
    stage: Stage


@dataclass
class Tally:
    """What a campaign has done so far."""

    kills: list[Killed] = field(default_factory=list)
    survived: Counter[Target] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    rounds: int = 0

    def by_point(self) -> Counter[str]:
        """Kills by the point that was aimed at."""
        return Counter(killed.target.point for killed in self.kills)

    def by_stage(self) -> Counter[Stage]:
        """Kills by what the program was doing."""
        return Counter(killed.stage for killed in self.kills)


class Campaign:
    """Kills programs of one world. The same seed makes the same plan; the processes run as fast as they happen to."""

    def __init__(self, world: World, archive: ChangingArchive, chance: Random, tell: Callable[[str], None]) -> None:
        self.world = world
        self.archive = archive
        self.chance = chance
        self.tell = tell
        self.tally = Tally()
        self.oracle = Oracle(RESERVATION_SECONDS)
        self.judge = Judge(world, self.oracle)
        self.slaves = [
            Slave(f"worker{number}", number % 2 == 0, self.oracle, Random(chance.random()))
            for number in range(_SLAVES)
        ]
        self._numbers = iter(range(1_000_000_000))
        self._archive_lock = threading.Lock()

    def begin(self) -> None:
        """Give the master something to do."""
        self.world.write_configuration()
        status, said = self.world.run("refresh")
        assert status == 0, said

    def run(self, targets: Sequence[Target], *, batch: int) -> None:
        """Hit every target; look at what is left after each batch of rounds. Targets that cannot be hit are told."""
        waiting = [(target, _ATTEMPTS) for target in targets]
        self.chance.shuffle(waiting)
        while waiting and not self.tally.problems:
            chosen = [waiting.pop() for _ in range(min(_AT_ONCE, len(waiting)))]
            for target, attempts in self._missed(chosen):
                if attempts > 1:
                    waiting.insert(0, (target, attempts - 1))
                else:
                    self.tally.survived[target] += 1
            self.tally.rounds += 1
            if self.tally.rounds % batch == 0 or not waiting:
                self.look()
                results = len(self.oracle.acknowledged)
                self.tell(f"{len(self.tally.kills)} kills, {results} results, {len(waiting)} targets left")

    def look(self) -> None:
        """Judge, when all that the sessions have started has ended."""
        self.tally.problems += self.judge.problems()
        if self.tally.problems:
            self.tally.problems.append(f"the programs said:\n{said_by(self.world)}")

    def calibrate(self, programs: Sequence[str], turns: int) -> dict[str, set[str]]:
        """Which points each program passes when nobody hurts it."""
        passed: dict[str, set[str]] = {program: set() for program in programs}
        for program in programs:
            for _ in range(turns):
                with ThreadPoolExecutor(_AT_ONCE) as pool:
                    runs = [
                        pool.submit(self._start, program, None, slave)
                        for slave in self.chance.sample(self.slaves, _AT_ONCE)
                    ]
                for run in runs:
                    passed[program].update(_points_in(run.result()[1]))
        return passed

    def _missed(self, chosen: Sequence[tuple[Target, int]]) -> Iterator[tuple[Target, int]]:
        """Run the programs of these targets at once; those that were not killed."""
        slaves = self.chance.sample(self.slaves, len(chosen))
        plans = [
            (target, slave, self.chance.choice(_PASSAGES), self.chance.random() * _LATEST_KILL_SECONDS)
            for (target, _), slave in zip(chosen, slaves, strict=True)
        ]
        with ThreadPoolExecutor(len(chosen)) as pool:
            hits = list(pool.map(lambda plan: self._hit(*plan), plans))
        for (target, attempts), hit in zip(chosen, hits, strict=True):
            if hit is None:
                yield target, attempts
            else:
                self.tally.kills.append(hit)

    def _hit(self, target: Target, slave: Slave, passage: int, seconds: float) -> Killed | None:
        fault = None if target.point == AT_RANDOM else Fault(target.point, Action.KILL, passage)
        status, trace = self._start(target.program, fault, slave, seconds if fault is None else None)
        passed = _points_in(trace)
        trace.unlink(missing_ok=True)
        if not was_killed(status):
            return None
        return Killed(target, passed[-1] if passed else "none", stage_of(passed))

    def _start(
        self, program: str, fault: Fault | None, slave: Slave, kill_after: float | None = None
    ) -> tuple[int, Path]:
        """Run a program to its end; its status and the points that it passed."""
        trace = self.world.directory / f"trace-{next(self._numbers)}"
        if program == "session":
            child = self.world.start(["session", "--slave", slave.name], fault=fault, trace=trace, talk=True)
        else:
            self._prepare(program)
            child = self.world.start(program.split(), fault=fault, trace=trace)
        with _killed_after(child, kill_after):
            if program == "session":
                session = Session(child)
                slave.turn(session.stream)
                return session.end(), trace
            return child.wait(), trace

    def _prepare(self, program: str) -> None:
        if program == "refresh":
            with self._archive_lock:
                self.archive.publish()


def _points_in(trace: Path) -> list[str]:
    return trace.read_text().split() if trace.exists() else []


class _killed_after:
    """Within the block a timer may kill a program."""

    def __init__(self, child: Child, seconds: float | None) -> None:
        self._timer = threading.Timer(seconds or 0, self._kill) if seconds is not None else None
        self._child = child

    def _kill(self) -> None:
        if self._child.poll() is None:
            os.kill(self._child.pid, signal.SIGKILL)

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
