"""The processes that belong to a test's command, found in /proc, and signals to all of them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_ROUNDS: Final = 100  # of killing; a process that forks all the time may need several


class _Stat(NamedTuple):
    pid: int
    ppid: int
    session: int
    dead: bool


def _stat(directory: Path) -> _Stat | None:
    try:
        text = (directory / "stat").read_text(errors="replace")
    except OSError:  # it has just ended
        return None
    words = text.rpartition(")")[2].split()
    return _Stat(int(directory.name), int(words[1]), int(words[3]), words[0] in "ZX")


def members(leader: int) -> set[int]:
    """All living processes of the session that `leader` began, and all its descendants, itself included."""
    table = [stat for entry in Path("/proc").iterdir() if entry.name.isdecimal() and (stat := _stat(entry))]
    found = {stat.pid for stat in table if stat.session == leader or stat.pid == leader}
    while children := {stat.pid for stat in table if stat.ppid in found} - found:
        found |= children
    return found - {stat.pid for stat in table if stat.dead}


def send(pids: set[int], number: signal.Signals) -> bool:
    """Signal these processes; False if one of them lives and is not ours to signal."""
    allowed = True
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:  # of another account, as with sudo
            allowed = False
    return allowed


def interrupt_group(leader: int) -> None:
    """INT to the process group, as Ctrl-C does; processes of other accounts in it are left out."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGINT)


def kill_all(leader: int) -> None:
    """KILL whatever is left of a command, also what it forks meanwhile. Call it before the leader is reaped."""
    for _ in range(_ROUNDS):
        left = members(leader)
        if not left or not send(left, signal.SIGKILL):
            return
