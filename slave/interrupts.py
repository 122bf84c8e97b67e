"""Signals, as questions that the slave asks between two steps.

INT once: finish what is being tested or said, deliver, give the rest back. INT twice, or TERM: end now; a running test
is aborted by whoever runs it, everything else by a KeyboardInterrupt, for all that matters is on disk already.
HUP: deliver what is finished. USR1: do so, too, and then start anew with the program that is installed now.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_FIRST: Final = "interrupted: a running test is finished and sent, the rest given back; once more: end at once"
_AT_ONCE: Final = "interrupted: ending at once; what is not done stays reserved for the next start"
_FLUSH: Final = "hang-up: finished logs are sent after the running test"
_RESTART: Final = "restart: finished logs are sent after the running test, then the slave starts itself anew"
_HANDLED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_IGNORED_IN_BETWEEN: Final = (signal.SIGHUP, signal.SIGUSR1)  # from the end of one program to the start of the next


def _write(text: str) -> None:
    """Say it without any of Python's buffers: the signal may have come while one of them was being written."""
    os.write(2, f"{text}\n".encode())


class Interrupts:
    """What has been asked for so far. Only one is installed at a time."""

    def __init__(self, announce: Callable[[str], None] = _write) -> None:
        self._announce = announce  # called by the signal handler, in the middle of anything
        self._interrupts = 0
        self._terminated = False
        self._flush = False
        self._restart = False
        self._deferred = False
        self._wakeup: int | None = None

    @property
    def stop_requested(self) -> bool:
        """Whether to take on nothing new and to end."""
        return self._interrupts > 0 or self._terminated

    @property
    def abort_requested(self) -> bool:
        """Whether to end the running test, too."""
        return self._interrupts > 1 or self._terminated

    @property
    def flush_requested(self) -> bool:
        """Whether to deliver finished logs before the next test."""
        return self._flush or self._restart

    @property
    def restart_requested(self) -> bool:
        """Whether to start anew after that, keeping what is reserved."""
        return self._restart and not self.stop_requested

    def take_flush(self) -> bool:
        """Like flush_requested, and forget it: it is being done."""
        requested, self._flush = self._flush, False
        return requested

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Catch the signals while the block runs."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        previous = {number: signal.signal(number, self._handle) for number in _HANDLED}
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._wakeup = reader
        try:
            yield
        finally:
            self._wakeup = None
            signal.set_wakeup_fd(-1)
            for number, handler in previous.items():
                ignored = self.restart_requested and number in _IGNORED_IN_BETWEEN
                signal.signal(number, signal.SIG_IGN if ignored else handler)
            os.close(reader)
            os.close(writer)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """While the block runs, no signal raises: the block asks for them itself."""
        before, self._deferred = self._deferred, True
        try:
            yield
        finally:
            self._deferred = before

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """The opposite, within such a block."""
        before, self._deferred = self._deferred, False
        try:
            yield
        finally:
            self._deferred = before

    def readable(self) -> list[int]:
        """File descriptors that become readable when a signal comes; `clear` them."""
        return [] if self._wakeup is None else [self._wakeup]

    def clear(self) -> None:
        """Make the descriptors of `readable` silent again."""
        for descriptor in self.readable():
            try:
                while os.read(descriptor, 64):
                    pass
            except BlockingIOError:
                pass

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until the next signal."""
        self.clear()
        if not (self.flush_requested or self.stop_requested):
            select.select(self.readable(), [], [], max(0.0, seconds))

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        match number:
            case signal.SIGINT:
                self._interrupts += 1
            case signal.SIGTERM:
                self._terminated = True
            case signal.SIGUSR1:
                self._restart = True
                self._announce(_RESTART)
                return
            case _:
                self._flush = True
                self._announce(_FLUSH)
                return
        self._announce(_AT_ONCE if self.abort_requested else _FIRST)
        if self.abort_requested and not self._deferred:
            raise KeyboardInterrupt
