"""Runs the command that tests a package: own session, time limit, and an end after which no process of it is left."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

from piufarm.errors import FarmError
from piufarm.run import PIPE, STDOUT, spawn
from piufarm.slave.job import processes
from piufarm.slave.job.verdict import Ending

TIME_LIMIT_SECONDS: Final = 5400.0
_READ: Final = 1 << 16
# A test is interrupted when its slave is killed: INT is what testers clean up after.
_TIED: Final = ("setpriv", "--pdeathsig", "INT", "--")


@dataclass(frozen=True)
class Patience:
    """How long a test may take, and how long each step of ending it may."""

    limit_seconds: float = TIME_LIMIT_SECONDS
    interrupt_seconds: float = 30.0  # after INT to its group
    terminate_seconds: float = 5.0  # after TERM to all its processes
    kill_seconds: float = 10.0  # after KILL; then something is wrong with the host
    drain_seconds: float = 2.0  # for output that is still in the pipe


DEFAULT_PATIENCE: Final = Patience()


class StopSource(Protocol):
    """Who may ask for the end of a running test; piufarm.slave.interrupts.Interrupts is one."""

    @property
    def abort_requested(self) -> bool: ...
    def readable(self) -> list[int]: ...
    def clear(self) -> None: ...


@dataclass(frozen=True)
class Exit:
    """`status` is the exit status, or -N after signal N."""

    status: int
    ending: Ending


def run_test(
    command: Sequence[str],
    sink: Callable[[bytes], None],
    *,
    env: Mapping[str, str],
    stop: StopSource,
    patience: Patience = DEFAULT_PATIENCE,
) -> Exit:
    """Run a command to its end and pass its output on; whatever it leaves running is killed.

    Raises FarmError if it cannot be started or ended.
    """
    if shutil.which(command[0], path=env.get("PATH")) is None:
        raise FarmError(f"program not found: {command[0]}", hint="see piuparts-command, or install what has it")
    process = spawn([*_TIED, *command], env=env, stdout=PIPE, stderr=STDOUT)
    assert process.stdout is not None
    with process.stdout as output, closing(_Watch(process.pid, output.fileno(), sink, stop, patience)) as watch:
        try:
            ending = watch.until_exit()
        except BaseException:
            watch.end()
            raise
        finally:
            processes.kill_all(process.pid)
        status = process.wait()
        watch.drain()
        return Exit(status, ending)


class _Watch:
    """Waits for output, exit, signals and deadlines of one process at the same time."""

    def __init__(
        self, pid: int, output: int, sink: Callable[[bytes], None], stop: StopSource, patience: Patience
    ) -> None:
        self._pid = pid
        self._output = output
        self._sink = sink
        self._stop = stop
        self._patience = patience
        self._pidfd = os.pidfd_open(pid)
        self._open = True
        os.set_blocking(output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(output, selectors.EVENT_READ)
        self._selector.register(self._pidfd, selectors.EVENT_READ)
        for descriptor in stop.readable():
            self._selector.register(descriptor, selectors.EVENT_READ)

    def close(self) -> None:
        self._selector.close()
        os.close(self._pidfd)

    def until_exit(self) -> Ending:
        """Returns when the process has ended, by itself or by us; it is not reaped yet. Raises FarmError."""
        if self._exits_within(self._patience.limit_seconds, abortable=True):
            return Ending.ITSELF
        ending = Ending.ABORTED if self._stop.abort_requested else Ending.TIME_LIMIT
        self.end()
        return ending

    def end(self) -> None:
        """Make it end, step by step, so that a tester can clean up. Raises FarmError if it cannot be done."""
        known = processes.members(self._pid)
        processes.interrupt_group(self._pid)
        if self._exits_within(self._patience.interrupt_seconds):
            return
        known |= processes.members(self._pid)
        processes.send(known, signal.SIGTERM)
        if self._exits_within(self._patience.terminate_seconds):
            return
        allowed = processes.send(known | processes.members(self._pid), signal.SIGKILL)
        if self._exits_within(self._patience.kill_seconds):
            return
        reason = "it hangs in the kernel" if allowed else "it belongs to another account"
        raise FarmError(
            f"cannot end the test (process {self._pid}): {reason}", hint="end it by hand; use a tester without sudo"
        )

    def drain(self) -> None:
        """Take the output that is still on its way, for a short while."""
        deadline = time.monotonic() + self._patience.drain_seconds
        while self._open and self._read() and time.monotonic() < deadline:
            pass

    def _exits_within(self, seconds: float, *, abortable: bool = False) -> bool:
        deadline = time.monotonic() + seconds
        while not (abortable and self._stop.abort_requested):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ready = {key.fd for key, _ in self._selector.select(left)}
            if self._output in ready:
                self._read()
            if self._pidfd in ready:
                return True
            if ready - {self._output}:
                self._stop.clear()
        return False

    def _read(self) -> bool:
        """Pass one piece of output on; False if there is none now."""
        try:
            data = os.read(self._output, _READ)
        except BlockingIOError:
            return False
        if data:
            self._sink(data)
            return True
        self._open = False
        self._selector.unregister(self._output)
        return False
