"""The computation of states beside the session: started when it is due, waited for when somebody wants work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from piufarm.config.model import Section
from piufarm.errors import FarmError
from piufarm.master.evaluator import is_being_evaluated
from piufarm.master.layout import SectionFiles
from piufarm.master.session.surroundings import Surroundings
from piufarm.store.model import Reservation

_POLL_SECONDS: Final = 0.05  # at first; each look after that takes twice as long to come, for many slaves may wait
_POLL_MAX_SECONDS: Final = 1.0
_LOOK_EVERY: Final = timedelta(seconds=1)
_LOCK: Final = ".evaluator"  # below the section's folder


class Evaluation:
    """Of one section's states."""

    def __init__(self, section: Section, files: SectionFiles, around: Surroundings) -> None:
        self._section = section
        self._files = files
        self._around = around
        self._looked_at: datetime | None = None  # whether a process is at work

    @property
    def is_due(self) -> bool:
        """Whether anything has happened that the states do not take account of."""
        return self._around.store.evaluation_due(self._section.name)

    def start(self) -> bool:
        """Whether a process is at work on the states now."""
        self._looked_at = self._around.machine.clock()
        try:
            if not is_being_evaluated(self._around.store, self._section.name):
                lock = self._files.prepare(self._files.root) / _LOCK
                self._around.machine.start_evaluator(
                    self._section.name, config=self._around.config, errors=self._around.errors, lock=lock
                )
        except (FarmError, OSError) as error:
            self._around.warn(f"cannot start the evaluation of {self._section.name}: {error}")
            return False
        return True

    def wait_for(self, take: Callable[[], Sequence[Reservation]]) -> Sequence[Reservation]:
        """What there is to take; while states are due, there may be more in a moment than there is now."""
        due = self.is_due  # before the look: what is worked out just after it would be missed
        found = take()
        if found and due:
            self._start_in_time()
        if found or not due or not self.start():
            return found
        machine = self._around.machine
        until = machine.clock() + timedelta(seconds=self._section.reserve_wait)
        pause = _POLL_SECONDS
        while machine.clock() < until:
            self._around.store.release()
            machine.sleep(pause)
            pause = min(2 * pause, _POLL_MAX_SECONDS)
            self._start_in_time()  # the process that was at work may have been on its way out
            still_due = self.is_due
            found = take()
            if found or not still_due:
                break
        return found

    def _start_in_time(self) -> None:
        """Start a process if none is at work; to look once in a while is enough."""
        if self._looked_at is None or self._around.machine.clock() - self._looked_at >= _LOOK_EVERY:
            self.start()
