"""The computation of states beside the session: started when it is due, waited for when somebody wants work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from piufarm.config.model import Section
from piufarm.errors import FarmError
from piufarm.master.evaluator import is_being_evaluated
from piufarm.master.session.surroundings import Surroundings
from piufarm.store.model import Reservation

_POLL_SECONDS: Final = 0.05  # at first; each look after that takes twice as long to come, for many slaves may wait
_POLL_MAX_SECONDS: Final = 1.0


class Evaluation:
    """Of one section's states."""

    def __init__(self, section: Section, around: Surroundings) -> None:
        self._section = section
        self._around = around

    @property
    def is_due(self) -> bool:
        """Whether anything has happened that the states do not take account of."""
        return self._around.store.evaluation_due(self._section.name)

    def start(self) -> bool:
        """Whether a process is at work on the states now."""
        try:
            if not is_being_evaluated(self._around.store, self._section.name):
                self._around.machine.start_evaluator(
                    self._section.name, config=self._around.config, errors=self._around.errors
                )
        except (FarmError, OSError) as error:
            self._around.warn(f"cannot start the evaluation of {self._section.name}: {error}")
            return False
        return True

    def wait_for(self, take: Callable[[], Sequence[Reservation]]) -> Sequence[Reservation]:
        """What there is to take; while states are due, there may be more in a moment than there is now."""
        due = self.is_due  # before the look: what is worked out just after it would be missed
        found = take()
        if not due or not self.start():
            return found
        machine = self._around.machine
        until = machine.clock() + timedelta(seconds=self._section.reserve_wait)
        pause = _POLL_SECONDS
        while not found and machine.clock() < until:
            self._around.store.release()
            machine.sleep(pause)
            pause = min(2 * pause, _POLL_MAX_SECONDS)
            still_due = self.is_due
            found = take()
            if not still_due:
                break
        return found
