"""Frames to and from a supervisor over its pipes, without ever blocking on one of them while the other is full."""

from __future__ import annotations

import os
import select
import selectors
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Final

from piufarm.errors import FarmError
from piufarm.run import Child
from piufarm.slave.chroot.frames import Frame, FrameReader
from piufarm.trouble import TroubleKind

_PIECE: Final = 1 << 17
_WORDS_MAX: Final = 2000


class Channel:
    """Both pipes of a supervisor's process, and whatever else wants to be served while one waits for frames."""

    def __init__(self, process: Child) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._to: IO[bytes] = process.stdin
        self._from: IO[bytes] = process.stdout
        os.set_blocking(self._to.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._from, selectors.EVENT_READ, self._read)
        self._reader = FrameReader()
        self._frames: deque[Frame] = deque()
        self._unsent = bytearray()
        self._gone = False

    def send(self, data: bytes) -> None:
        """Queue bytes; they leave while frames are awaited."""
        if not self._unsent:
            self._selector.register(self._to, selectors.EVENT_WRITE, self._write)
        self._unsent += data

    @property
    def unsent(self) -> int:
        """Bytes that still wait to leave."""
        return len(self._unsent)

    def watch(self, source: IO[bytes] | int, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `source` is readable while frames are awaited."""
        self._selector.register(source, selectors.EVENT_READ, callback)

    def unwatch(self, source: IO[bytes] | int) -> None:
        """Undo `watch`; nothing happens if it was not watched."""
        if source in self._selector.get_map():
            self._selector.unregister(source)

    def flush(self, *, below: int = 1, timeout_seconds: float = 120) -> None:
        """Wait until fewer than `below` bytes wait to leave. Raises FarmError as `receive` does."""
        deadline = time.monotonic() + timeout_seconds
        while len(self._unsent) >= below:
            self._turn(deadline)

    def receive(self, deadline: float) -> Frame:
        """The next frame. Raises FarmError if the supervisor is gone or `deadline` (monotonic) has passed."""
        while not self._frames:
            self._turn(deadline)
        return self._frames.popleft()

    def _turn(self, deadline: float) -> None:
        if self._gone:
            words = f"the chroot ended unexpectedly{self._last_words()}"
            raise FarmError(words, hint="was it killed?", kind=TroubleKind.KILLED)
        left = deadline - time.monotonic()
        if left <= 0:
            hint = "the host may be overloaded, or its disk stuck"
            raise FarmError("the chroot does not answer", hint=hint, kind=TroubleKind.TIMEOUT)
        for key, _ in self._selector.select(left):
            key.data()

    def _last_words(self) -> str:
        """What the launcher, or schroot, had to say; a supervisor at work says nothing there."""
        if not self._has_ended(5) or self._process.stderr is None:
            return ""
        return f": {self._process.stderr.read(_WORDS_MAX).decode(errors='backslashreplace').strip()}"

    def _read(self) -> None:
        data = os.read(self._from.fileno(), _PIECE)
        if data:
            self._frames.extend(self._reader.feed(data))
        else:
            self._gone = True
            self._selector.unregister(self._from)

    def _write(self) -> None:
        try:
            count = os.write(self._to.fileno(), self._unsent[:_PIECE])
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent.clear()  # the end of its output tells the rest
            self._selector.unregister(self._to)
            return
        del self._unsent[:count]
        if not self._unsent:
            self._selector.unregister(self._to)

    def close(self) -> None:
        """Close both pipes, which ends the supervisor and all in its namespaces, and wait for that.

        Raises FarmError if it does not end within a minute.
        """
        self._selector.close()
        self._to.close()
        self._from.close()
        if self._process.stderr is not None:
            self._process.stderr.close()
        if not self._has_ended(60):
            raise FarmError("a chroot does not end", hint=f"look at process {self._process.pid}")

    def _has_ended(self, seconds: float) -> bool:
        """Wait for the process; `Popen.wait` with a timeout would look only every 50 ms."""
        if self._process.poll() is None:
            descriptor = os.pidfd_open(self._process.pid)
            try:
                select.select([descriptor], [], [], seconds)
            finally:
                os.close(descriptor)
        return self._process.poll() is not None
