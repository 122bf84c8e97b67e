"""Simulated time: events in order, scripts that wait, and blocking programs that run one at a time."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)

Wakers = Callable[[Callable[[], None]], None]  # takes what is to be called when the script may go on
Script = Generator[float | Wakers, None, None]  # yields seconds to wait, or what it waits for


@dataclass
class World:
    """The one queue of events and the one source of chance: the same seed gives the same history."""

    random: Random
    beginning: datetime = NOON
    seconds: float = 0.0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: int = 0
    _running: Program | None = None
    _programs: list[Program] = field(default_factory=list)

    def now(self) -> datetime:
        """The present moment."""
        return self.beginning + timedelta(seconds=self.seconds)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something when so much time has passed."""
        self._numbers += 1
        heapq.heappush(self._events, (self.seconds + seconds, self._numbers, action))

    def step(self) -> bool:
        """The next event; False if there is none."""
        if not self._events:
            return False
        self.seconds, _, action = heapq.heappop(self._events)
        action()
        return True

    def start_script(self, script: Script) -> None:
        """Let a script take its course; what it raises comes out of `step`."""

        def advance() -> None:
            try:
                wanted = next(script)
            except StopIteration:
                return
            if isinstance(wanted, float | int):
                self.later(wanted, advance)
            else:
                wanted(advance)

        self.later(0.0, advance)

    def start_program(self, work: Callable[[], None]) -> Program:
        """Begin a blocking program; it runs until it first waits."""
        program = Program(self, work)
        self._programs = [one for one in self._programs if not one.ended]
        self._programs.append(program)
        program.resume()
        return program

    @property
    def running(self) -> Program:
        """The program that asks."""
        assert self._running is not None
        return self._running

    def sleep(self, seconds: float) -> None:
        """For programs: let time pass, and everybody else work meanwhile."""
        program = self.running
        self.later(seconds, program.resume)
        program.wait()

    def close(self) -> None:
        """End all programs that still wait."""
        for program in self._programs:
            program.kill()


class Killed(BaseException):
    """Ends a simulated process at once."""


class Program:
    """Code that blocks, such as a session: a thread that only runs while the world stands still for it."""

    def __init__(self, world: World, work: Callable[[], None]) -> None:
        self.ended = False
        self.killed = False
        self._world = world
        self._work = work
        self._error: BaseException | None = None
        self._mine = threading.Lock()
        self._theirs = threading.Lock()
        self._mine.acquire()
        self._theirs.acquire()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._mine.acquire()
        try:
            if not self.killed:
                self._work()
        except Killed:
            pass
        except BaseException as error:  # handed to whoever resumed it
            self._error = error
        finally:
            self.ended = True
            self._theirs.release()

    def resume(self) -> None:
        """Let it run until it waits again or ends; raises what it dies of."""
        if self.ended:
            return
        before, self._world._running = self._world._running, self
        self._mine.release()
        self._theirs.acquire()
        self._world._running = before
        if self.ended:
            self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def wait(self) -> None:
        """For the program itself: stand still until somebody resumes it."""
        self._theirs.release()
        self._mine.acquire()
        if self.killed:
            raise Killed

    def kill(self) -> None:
        """End it where it waits."""
        self.killed = True
        self.resume()
