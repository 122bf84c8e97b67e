"""The slave's day: sections take turns by precedence; when nobody has work, everybody sleeps."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from piufarm.slave.events import Event, Phase
from piufarm.slave.section import Mode, SectionWorker
from piufarm.slave.workplace import Workplace

SHORTEST_SLEEP_SECONDS: Final = 60.0
_JITTER: Final = 0.25  # slaves that the same outage has stopped shall not come back at the same moment


class Until(Enum):
    """When a slave ends by itself."""

    FOREVER = "forever"
    ONE_ROUND = "one round"
    IDLE = "nothing to test"


class Loop:
    """Runs the sections. `longest_sleep_seconds` is the global idle-sleep."""

    def __init__(self, workers: Sequence[SectionWorker], workplace: Workplace, longest_sleep_seconds: float) -> None:
        self._workers = workers
        self._place = workplace
        self._longest_sleep = longest_sleep_seconds

    def run(self, until: Until) -> int:
        """Returns the exit status: 0 if all went well or a restart was asked for, 1 after an interrupt or trouble."""
        self._flush_all()  # what a former life has left
        while True:
            tested = self._round(fair=until is not Until.FOREVER)
            if self._place.interrupts.stop_requested:
                return self._shut_down()
            if self._place.interrupts.restart_requested:
                self._flush_all()
                self._place.masters.close()
                return 0
            if self._place.interrupts.take_flush():
                self._flush_all()
                continue
            if not tested:
                tested = self._recycle_round()
            if self._place.interrupts.stop_requested:
                return self._shut_down()
            if until is Until.ONE_ROUND or (until is Until.IDLE and not tested):
                self._place.masters.close()
                return int(any(worker.had_trouble for worker in self._workers))
            if not tested:
                self._sleep()

    def _round(self, *, fair: bool) -> int:
        """A turn for every section by precedence. Once one has tested, the others deliver only, unless `fair`."""
        tested = 0
        for worker in sorted(self._workers, key=lambda worker: (worker.precedence, worker.wake)):
            if self._is_to_stop():
                break
            tested += worker.turn(Mode.FLUSH if tested and not fair else Mode.NORMAL)
        return tested

    def _recycle_round(self) -> int:
        tested = 0
        for worker in sorted(self._workers, key=lambda worker: worker.recycle_wake):
            now = self._place.clock()
            if self._is_to_stop() or (tested and any(other.wake <= now for other in self._workers)):
                break
            tested += worker.turn(Mode.RECYCLE)
        return tested

    def _is_to_stop(self) -> bool:
        interrupts = self._place.interrupts
        return interrupts.stop_requested or interrupts.flush_requested

    def _flush_all(self) -> None:
        for worker in self._workers:
            if not self._place.interrupts.stop_requested:
                worker.turn(Mode.FLUSH)

    def _sleep(self) -> None:
        self._place.masters.close()
        now = self._place.clock()
        earliest = min(min(worker.wake, worker.recycle_wake) for worker in self._workers)
        shortest = SHORTEST_SLEEP_SECONDS * self._place.random_source.uniform(1, 1 + _JITTER)
        seconds = min(max(shortest, earliest - now), self._longest_sleep)
        self._place.tell(Event(Phase.IDLE, seconds=seconds))
        self._place.interrupts.wait(seconds)

    def _shut_down(self) -> int:
        """Deliver and give back; after a second interrupt leave everything where it is, it is safe there."""
        if not self._place.interrupts.abort_requested:
            for worker in self._workers:
                worker.give_everything_back()
        self._place.masters.close()
        return 1
