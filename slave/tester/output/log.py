"""The human log of a test: one record a line, time and level first, further lines indented.

Programs grep it line by line, so the format is an interface: `0m1.2s LEVEL: text`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from io import BytesIO, FileIO, RawIOBase
from typing import Final

from piufarm.errors import FarmError

_INDENT: Final = "\n  "
_PIECE: Final = 1 << 16
_Sink = RawIOBase | BytesIO


class Level(IntEnum):
    """How much a record matters; the log shows records of its threshold and above."""

    DUMP = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4


def printable(text: str) -> str:
    """Text in which bytes that were not UTF-8 (kept as surrogate escapes) stand as \\xNN, and no CR ends a line."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\r", "\\r")


def one_line(name: str) -> str:
    """A file's or process's name for the log: packages choose them, and must not write lines of it with them."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() or _is_byte(c) else c.encode("unicode_escape").decode() for c in name)


def _is_byte(character: str) -> bool:
    """Whether it stands for a byte that was not UTF-8."""
    return "\udc80" <= character <= "\udcff"


def decode_output(output: bytes) -> str:
    """A command's output as the log shows it: progress lines that end in CR are lines of their own."""
    text = output.decode("utf-8", "backslashreplace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def quote_command(argv: Iterable[str]) -> str:
    """A command as logs name it: a list of single-quoted strings, on one line whatever the words hold."""
    return "[" + ", ".join(f"'{_escape(word)}'" for word in argv) + "]"


def _escape(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return one_line(escaped)


def timestamp(seconds: float) -> str:
    """Seconds since the start of the test, as minutes and seconds with one decimal: `12m3.0s`."""
    tenths = int(seconds * 10)
    return f"{tenths // 600}m{tenths % 600 // 10}.{tenths % 10}s"


def render(seconds: float, level: Level, text: str) -> bytes:
    """One record. A text that ends in an empty line ends in one; all other lines but the first are indented."""
    body = printable(text)
    ends_empty = body.endswith("\n")
    lines = _INDENT.join(body.removesuffix("\n").split("\n"))
    return f"{timestamp(seconds)} {level.name}: {lines}\n{chr(10) if ends_empty else ''}".encode()


def _write(sinks: Iterable[_Sink], content: bytes) -> None:
    for sink in sinks:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[sink.write(rest) or 0 :]
        except OSError as error:
            raise FarmError(f"cannot write the log: {error.strerror}") from error


class HeldBack:
    """Records that nobody has seen yet."""

    def __init__(self, stream: FileIO, sinks: Sequence[_Sink]) -> None:
        self._stream = stream
        self._sinks = sinks

    def lines(self) -> list[str]:
        """All of them."""
        self._stream.seek(0)
        return self._stream.read().decode("utf-8", "replace").splitlines()

    def show(self) -> None:
        """Write them where they would have gone. Raises FarmError."""
        self._stream.seek(0)
        while piece := self._stream.read(_PIECE):
            _write(self._sinks, piece)


class TestLog:
    """Writes records to all its sinks (standard output, the log file; unbuffered) as they come."""

    __test__ = False  # pytest: not a test class

    def __init__(
        self,
        sinks: Sequence[_Sink],
        *,
        threshold: Level = Level.DUMP,
        clock: Callable[[], float] = time.monotonic,
        watcher: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`watcher` hears of each step of the test, which the log itself does not mention."""
        self._watcher = watcher
        self._sinks: tuple[_Sink, ...] = tuple(sinks)
        self._threshold = threshold
        self._clock = clock
        self._start = clock()

    def seconds(self) -> float:
        """The time since the start of the test."""
        return self._clock() - self._start

    def step(self, name: str) -> None:
        """Tell whoever watches that a step begins."""
        self._watcher(name)

    def progress(self, text: str) -> None:
        """Something longer begins that the log mentions, too."""
        self.info(text)
        self.step(text)

    def write(self, level: Level, text: str) -> None:
        """Add a record. Raises FarmError if it cannot be written: a verdict without its log is worth nothing."""
        if level < self._threshold:
            return
        _write(self._sinks, render(self.seconds(), level, text))

    @contextmanager
    def held_back(self) -> Iterator[HeldBack]:
        """The records of the block are written nowhere yet: what the block gets can show them."""
        usual = self._sinks
        with tempfile.TemporaryFile(buffering=0) as stream:
            self._sinks = (stream,)
            try:
                yield HeldBack(stream, usual)
            finally:
                self._sinks = usual

    def command_begins(self, argv: Iterable[str]) -> str:
        """A command in a chroot: how it is named when it has ended."""
        words = quote_command(argv)
        self.debug(f"Starting command: {words}")
        return words

    def command_output(self, text: str) -> None:
        """What it has said, if anything."""
        if text.strip():
            self.dump(f"\n{text}".rstrip("\n"))

    def command_ended(self, words: str, status: int = 0) -> None:
        """It has ended, and the test goes on."""
        failed = f"Command failed (status={status}), but ignoring error"
        self.debug(f"{failed if status else 'Command ok'}: {words}")

    def dump(self, text: str) -> None:
        self.write(Level.DUMP, text)

    def debug(self, text: str) -> None:
        self.write(Level.DEBUG, text)

    def info(self, text: str) -> None:
        self.write(Level.INFO, text)

    def warning(self, text: str) -> None:
        self.write(Level.WARNING, text)

    def error(self, text: str) -> None:
        self.write(Level.ERROR, text)
