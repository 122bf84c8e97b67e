"""Running a command and counting what it and all its descendants use."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from piufarm.run import DEVNULL, spawn


class Usage(NamedTuple):
    """What a command used, up to the last of its children."""

    seconds: float  # by the clock
    core_seconds: float  # user and system time, of children, too
    status: int


def measured(words: Sequence[str | Path], environment: Mapping[str, str], *, log: Path | None = None) -> Usage:
    """Run a command to its end; its output goes to `log`."""
    start = time.monotonic()
    if log is None:
        child = spawn(words, env=environment, stdout=DEVNULL, stderr=DEVNULL)
    else:
        with log.open("wb") as stream:
            child = spawn(words, env=environment, stdout=stream, stderr=stream)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Usage(time.monotonic() - start, used.ru_utime + used.ru_stime, child.returncode)


def mean(numbers: Sequence[float]) -> float:
    """Of at least one number."""
    return sum(numbers) / len(numbers)
