"""Named points at which a test kills, hurts or stops the program, to prove that nothing is lost there.

PIUFARM_FAULTS holds words `POINT:ACTION` or `POINT:ACTION:N`: at the N-th time (the first by default) that this process
passes POINT it does ACTION. `*` stands for every point. A word `trace=FILE` appends the names of all points to a file
as they are passed. Without the variable a point is one comparison.

A process that sshd has started takes no notice of the variable, whatever a client managed to put into its environment:
sshd itself sets SSH_CONNECTION after all that a client sends.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from piufarm.errors import UsageError

VARIABLE: Final = "PIUFARM_FAULTS"


class Action(StrEnum):
    """What happens at a point."""

    KILL = "kill"  # this process, by SIGKILL
    STOP = "stop"  # this process, by SIGSTOP: whoever watches it sees that and sends SIGCONT
    ENOSPC = "enospc"
    EIO = "eio"


class Fault(NamedTuple):
    """One word of the variable."""

    point: str
    action: Action
    passage: int = 1

    def __str__(self) -> str:
        return f"{self.point}:{self.action}:{self.passage}"


class Plan:
    """What is to happen in this process, and how often each point has been passed."""

    def __init__(self, text: str) -> None:
        """Raises UsageError."""
        words = text.split()
        traces = [word.removeprefix("trace=") for word in words if word.startswith("trace=")]
        self._faults = [_fault(word) for word in words if not word.startswith("trace=")]
        self._passages: Counter[str] = Counter()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._traces = [os.open(trace, flags, 0o666) for trace in traces]

    def reach(self, point: str) -> None:
        """Do what is planned for this passage. Raises OSError if that is planned."""
        for trace in self._traces:
            os.write(trace, f"{point}\n".encode())
        self._passages.update((point, "*"))
        for fault in self._faults:
            if fault.point in (point, "*") and self._passages[fault.point] == fault.passage:
                _act(fault.action)


def plan(environment: Mapping[str, str]) -> Plan | None:
    """The plan of a process with this environment; None almost always. Raises UsageError."""
    text = environment.get(VARIABLE)
    return Plan(text) if text and "SSH_CONNECTION" not in environment else None


def fault_point(name: str) -> None:
    """A point between two steps; `name` is known to the kill campaign (tests/master/test_kills.py)."""
    if _PLAN is not None:
        _PLAN.reach(name)


def _fault(word: str) -> Fault:
    point, _, rest = word.partition(":")
    action, _, passage = rest.partition(":")
    try:
        return Fault(point, Action(action), int(passage or "1"))
    except ValueError as error:
        raise UsageError(f"{VARIABLE}: {word!r} is not POINT:ACTION:N", hint=f"actions: {', '.join(Action)}") from error


def _act(action: Action) -> None:
    import signal

    match action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Action.ENOSPC | Action.EIO:
            number = errno.ENOSPC if action is Action.ENOSPC else errno.EIO
            raise OSError(number, os.strerror(number), "fault point")


_PLAN: Final = plan(os.environ)
