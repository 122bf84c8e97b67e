"""The log of one test, byte for byte as piuparts slaves write it: header, control paragraphs, command, output, end.

    Start: 2026-11-20 06:14:52 GMT
    <message of a pre-check>

    <control paragraph>

    Executing: <command line>
    <output of the test>
     *** <marker> ***

    ret=<number>
    End: 2026-11-20 06:14:53 GMT
"""

from __future__ import annotations

import codecs
import io
import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, Final

OUTPUT_MAX: Final = 64 * 1024 * 1024  # bytes of a test's output that a log keeps, its end not counted
LINES_MAX: Final = 8 * 1024 * 1024  # lines of it: a master takes no log of more than twice as many
_TAIL: Final = 64 * 1024  # characters of the end that it keeps in any case

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


class OutputText:
    """What a test prints, made fit for a log: UTF-8 (other bytes as `\\xNN`), LF line ends, ESC as `[ESC]`, bounded.

    Too long an output loses its middle, never its end.
    """

    def __init__(self, limit: int = OUTPUT_MAX, *, lines: int = LINES_MAX) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._room = limit
        self._lines = lines
        self._left_out = 0
        self._tail = ""  # the last characters seen, for `last_line`
        self._kept_back = ""  # of the tail: what is not in the log yet because the room is used up

    def feed(self, data: bytes) -> bytes:
        """The next piece, as it goes into the log."""
        return self._take(self._decoder.decode(data))

    def end(self) -> bytes:
        """What is left; the log then ends in LF."""
        head = self._take(self._decoder.decode(b"", final=True))
        gap = f"\n *** {self._left_out} bytes of output left out ***\n" if self._left_out else ""
        text = gap + self._kept_back
        ends_open = self._tail != "" and not self._tail.endswith("\n")
        return head + (text + ("\n" if ends_open else "")).encode()

    @property
    def last_line(self) -> str:
        """The last line, without its LF; empty if there is none or if it is blank."""
        return self._tail.removesuffix("\n").rpartition("\n")[2]

    def _take(self, text: str) -> bytes:
        text = text.replace("\x1b", "[ESC]")
        self._tail = (self._tail + text)[-_TAIL:]
        data = text.encode()
        head = b"" if self._kept_back else self._within_limits(data)
        self._room -= len(head)
        self._lines -= head.count(b"\n")
        if len(head) == len(data):
            return data
        kept = self._kept_back + data[len(head) :].decode()
        self._kept_back = kept[-_TAIL:]
        self._left_out += len(kept[:-_TAIL].encode())
        return head

    def _within_limits(self, data: bytes) -> bytes:
        head = data if len(data) <= self._room else data[: self._room].decode("utf-8", "ignore").encode()
        if head.count(b"\n") <= self._lines:
            return head
        return b"\n".join(head.split(b"\n", self._lines + 1)[:-1])


class LogWriter:
    """Writes the parts of a log in their order to a stream."""

    def __init__(self, stream: BinaryIO, *, clock: Clock = now, output_max: int = OUTPUT_MAX) -> None:
        self._stream = stream
        self._clock = clock
        self._output = OutputText(output_max)

    def start(self, introduction: str) -> None:
        """The Start line and what a pre-check has to say: messages and control paragraphs."""
        self._write(f"{self._stamp('Start')}{introduction}")

    def executing(self, command: Sequence[str]) -> None:
        """The command line, ready to paste into a shell. On disk at once: it tells what runs now."""
        self._write(f"Executing: {shlex.join(command)}\n")
        self._stream.flush()

    def output(self, data: bytes) -> None:
        """A piece of the test's output."""
        self._stream.write(self._output.feed(data))

    def end_of_output(self) -> str:
        """The output is complete; returns its last line."""
        self._stream.write(self._output.end())
        return self._output.last_line

    def finish(self, ret: int, marker: str | None = None) -> None:
        """The end of the log."""
        self._write(f"{marker or ''}\nret={ret}\n{self._stamp('End')}")

    def _stamp(self, word: str) -> str:
        return f"{word}: {self._clock():%Y-%m-%d %H:%M:%S} GMT\n"

    def _write(self, text: str) -> None:
        self._stream.write(text.encode("utf-8", "backslashreplace"))
