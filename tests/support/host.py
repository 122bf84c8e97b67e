"""What the host looks like: processes, mounts and the contents of folders, to compare before and after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SETTLE_SECONDS: Final = 10


@dataclass(frozen=True)
class HostState:
    """What exists on the host. Processes are (pid, start time, command), without the dead ones."""

    processes: frozenset[tuple[int, int, str]]
    mounts: frozenset[str]
    files: frozenset[Path]


@dataclass(frozen=True)
class LeftOver:
    """What exists now and did not exist before; empty (false) if nothing does."""

    processes: tuple[str, ...]
    mounts: tuple[str, ...]
    files: tuple[Path, ...]

    def __bool__(self) -> bool:
        return bool(self.processes or self.mounts or self.files)


def _process(directory: Path) -> tuple[int, int, str] | None:
    try:
        status = (directory / "stat").read_text(errors="replace")
        command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    words = status.rpartition(")")[2].split()
    state, parent, started = words[0], int(words[1]), int(words[19])
    if state in "ZX" or parent == 2 or not command:  # dead, or a thread of the kernel
        return None
    return int(directory.name), started, command


def _processes() -> frozenset[tuple[int, int, str]]:
    found = (_process(entry) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return frozenset(process for process in found if process is not None)


def _mounts() -> frozenset[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return frozenset(f"{line.split()[4]} ({line.partition(' - ')[2].split()[0]})" for line in lines)


def host_state(*folders: Path) -> HostState:
    """All processes and mounts of the host, and all paths below these folders."""
    files = frozenset(path for folder in folders if folder.exists() for path in folder.rglob("*"))
    return HostState(_processes(), _mounts(), files)


def processes_with(mark: str) -> list[str]:
    """The command lines on the host that contain this text."""
    return [command for _, _, command in _processes() if mark in command]


def left_over(
    before: HostState, *folders: Path, marks: Sequence[str] = (), patience_seconds: float = _SETTLE_SECONDS
) -> LeftOver:
    """What came into being since `before` and is still there; waits a little for what is just going away.

    Other programs run on the host, too: with `marks`, only processes and mounts whose text contains one of them
    count. Give the test's own paths and words, and see that something with them existed in between.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        now = host_state(*folders)
        processes = [f"{pid} {command}" for pid, _, command in sorted(now.processes - before.processes)]
        rest = LeftOver(
            tuple(text for text in processes if _is_marked(text, marks)),
            tuple(text for text in sorted(now.mounts - before.mounts) if _is_marked(text, marks)),
            tuple(sorted(now.files - before.files)),
        )
        if not rest or time.monotonic() > deadline:
            return rest
        time.sleep(0.1)


def _is_marked(text: str, marks: Sequence[str]) -> bool:
    return not marks or any(mark in text for mark in marks)
