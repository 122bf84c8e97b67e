"""What a program takes: seconds, seconds of the processor, memory, all with its children."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.run import DEVNULL, PIPE, Child, CommandFailed, Completed, clean_environment, spawn

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_MEGA: Final = 1024  # kB


@dataclass(frozen=True)
class Taken:
    """What a program took. `rss_mb` is the peak of its largest process, in MiB."""

    seconds: float
    cpu_seconds: float
    rss_mb: float


def run_to_end(words: Sequence[str | Path]) -> Taken:
    """Run a program. Raises CommandFailed."""
    begin = time.monotonic()
    child = spawn(words, env=clean_environment(), stdout=DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise CommandFailed(Completed(tuple(map(str, words)), child.returncode, b"", b""))
    return Taken(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _MEGA)


def until_answered(words: Sequence[str | Path], requests: Sequence[str]) -> tuple[Taken, list[str]]:
    """From the start of a session to the answer to its last request, with all answers; then it may end.

    The greeting is among the answers.
    """
    begin = time.monotonic()
    child = spawn(words, env=clean_environment(), stdin=PIPE, stdout=PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        answers = [child.stdout.readline().decode().rstrip()]
        for request in requests:
            child.stdin.write(f"{request}\n".encode())
            child.stdin.flush()
            answers.append(child.stdout.readline().decode().rstrip())
        taken = _so_far(child, time.monotonic() - begin)
    child.wait()
    return taken, answers


def _so_far(child: Child, seconds: float) -> Taken:
    processes = list(_tree(child.pid))
    return Taken(seconds, sum(map(cpu_seconds, processes)), max(map(_peak_kb, processes)) / _MEGA)


def _tree(process: int) -> Iterator[int]:
    yield process
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        yield from _tree(int(child))


def cpu_seconds(process: int) -> float:
    """Of a process so far, and of those of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _peak_kb(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
