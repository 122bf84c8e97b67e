"""What a session has from the machine that it runs on: the time, and processes beside it.

The defaults are the real thing. Nothing else in the session, the desk and what they call asks for the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from piufarm.master.evaluator import start_evaluator
from piufarm.names import SectionName

Clock = Callable[[], datetime]  # the present moment, aware, in UTC
Sleep = Callable[[float], None]  # lets so many seconds pass


class StartEvaluator(Protocol):
    """Starts the computation of a section's states beside the session. Raises FarmError, OSError."""

    def __call__(self, section: SectionName, *, config: Path, errors: Path, lock: Path) -> None: ...


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Machine:
    """The machine as a session sees it; a simulation of many slaves brings one with a time of its own."""

    clock: Clock = utc_now
    sleep: Sleep = time.sleep
    start_evaluator: StartEvaluator = start_evaluator


REAL_MACHINE: Final = Machine()
