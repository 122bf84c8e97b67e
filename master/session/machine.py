"""What a session has from the machine that it runs on: the time, and processes beside it.

The defaults are the real thing. Nothing else in the session, the desk and what they call asks for the time.
"""

from __future__ import annotations

import os
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


_WAITING_PER_CORE: Final = 16  # for the processor: a flood, in which work that can wait a moment does


def is_overloaded() -> bool:
    """Whether many times more processes want to run at this moment than can (proc(5), `loadavg`, its fourth field)."""
    try:
        running = Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0]
    except OSError:
        return False
    return int(running) > _WAITING_PER_CORE * (os.cpu_count() or 1)


@dataclass(frozen=True)
class Machine:
    """The machine as a session sees it; a simulation of many slaves brings one with a time of its own."""

    clock: Clock = utc_now
    sleep: Sleep = time.sleep
    start_evaluator: StartEvaluator = start_evaluator
    is_overloaded: Callable[[], bool] = is_overloaded


REAL_MACHINE: Final = Machine()
