"""Logs on the wire: every line carries one leading space, a line with a dot alone ends them.

Both directions work on large pieces, cut anywhere; neither keeps more than a piece in memory.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from piufarm.protocol.limits import Limits

_LINE_ENDS_HERE: Final = re.compile(rb"\n(?! )")  # no further line of the log is known to follow
_TERMINATOR: Final = b".\n"


@dataclass(frozen=True)
class Decoded:
    """One step of a decoder: `consumed` wire bytes gave `data`; then the log ended, or went wrong, or neither."""

    consumed: int
    data: bytes = b""
    ended: bool = False
    problem: str | None = None


class BodyDecoder:
    """Turns the wire form of one log back into its bytes.

    Everything before an offending byte comes out before the problem is told, however the input was cut.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._at_line_start = True
        self._bytes = 0
        self._lines = 0

    def decode(self, wire: bytes) -> Decoded:
        """The next step from `wire`, which is everything not consumed yet; nothing consumed means: need more."""
        position = 0
        if self._at_line_start:
            if wire[:1] != b" ":
                return self._without_space(wire)
            if self._lines >= self._limits.body_lines:
                return Decoded(0, problem=f"log of more than {self._limits.body_lines} lines")
            self._lines += 1
            self._at_line_start = False
            position = 1
        end = _end_of_lines(wire, position)
        stop = len(wire) if end is None else end
        self._at_line_start = end is not None
        return self._within_limits(Decoded(stop, wire[position:stop].replace(b"\n ", b"\n")))

    def _without_space(self, wire: bytes) -> Decoded:
        if _TERMINATOR.startswith(wire[:2]):
            return Decoded(2, ended=True) if len(wire) >= 2 else Decoded(0)
        if wire[:1] == b"\n":
            return Decoded(0, problem="empty line in a log (each line needs a leading space)")
        return Decoded(0, problem="line of a log without the leading space")

    def _within_limits(self, step: Decoded) -> Decoded:
        data = step.data
        further_lines = data.count(b"\n") - (1 if self._at_line_start else 0)
        allowed_lines = self._limits.body_lines - self._lines
        problem = None
        if further_lines > allowed_lines:
            data = _first_lines(data, allowed_lines + 1)
            problem = f"log of more than {self._limits.body_lines} lines"
        if self._bytes + len(data) > self._limits.body_bytes:
            data = data[: self._limits.body_bytes - self._bytes]
            problem = f"log of more than {self._limits.body_bytes} bytes"
        self._lines += further_lines
        self._bytes += len(data)
        return Decoded(step.consumed, data, problem=problem)


def _end_of_lines(wire: bytes, position: int) -> int | None:
    """Where the first line ends that is not known to be followed by another one; None if that is not there yet."""
    stop = wire.find(b"\n" + _TERMINATOR, position)
    if stop < 0:
        stop = len(wire) - wire.endswith(b"\n")
    # counting is many times faster than searching, and almost always says that there is nothing to be found before
    if wire.count(b"\n", position, stop) == wire.count(b"\n ", position, stop):
        return stop + 1 if stop < len(wire) else None
    found = _LINE_ENDS_HERE.search(wire, position)
    return found.end() if found else None


def _first_lines(data: bytes, count: int) -> bytes:
    position = 0
    for _ in range(count):
        position = data.index(b"\n", position) + 1
    return data[:position]


class BodyEncoder:
    """Turns one log into its wire form; adds the LF that a last line lacks.

    With `escape_invalid_utf8`, bytes that are not UTF-8 are written as `\\xNN`: a master of piuparts dies of them.
    """

    def __init__(self, *, escape_invalid_utf8: bool) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace") if escape_invalid_utf8 else None
        self._at_line_start = True

    def encode(self, data: bytes) -> bytes:
        """The wire form of the next piece."""
        if self._decoder is not None:
            data = self._decoder.decode(data).encode()
        return self._prefixed(data)

    def end(self) -> bytes:
        """The wire form of what is left, and the terminator."""
        rest = self._prefixed(self._decoder.decode(b"", final=True).encode()) if self._decoder is not None else b""
        return rest + (b"" if self._at_line_start else b"\n") + _TERMINATOR

    def _prefixed(self, data: bytes) -> bytes:
        if not data:
            return b""
        first = b" " if self._at_line_start else b""
        self._at_line_start = data.endswith(b"\n")
        if not self._at_line_start:
            return first + data.replace(b"\n", b"\n ")
        return first + data[:-1].replace(b"\n", b"\n ") + b"\n"
