"""A log as its page shows it: bounded, control bytes made visible and harmless, errors found and marked.

Only for people: what a log means is known from the store, never from its text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from piufarm.report.logtext import Piece, pieces_of, plain

HEAD_LINES: Final = 2000  # shown from the beginning
TAIL_LINES: Final = 1500  # and from the end
BEFORE_ERROR: Final = 20  # lines shown around an error in the part between
AFTER_ERROR: Final = 60
ERRORS_MAX: Final = 50  # marked ones that the page lists; later ones are marked only where they are shown
DETAILS_MAX: Final = 6  # lines below a marker that the page lists
LINE_MAX: Final = 1000  # characters of a line that are shown
_LISTED_MAX: Final = 200  # characters of a line in the list of errors
_READ_MAX: Final = 65536  # bytes read at once: a line may have any length


class Kind(StrEnum):
    """How a line is marked."""

    PLAIN = "plain"
    ERROR = "error"  # the marker itself
    ERROR_DETAIL = "error-detail"  # what follows it: the list of files, the command's output
    WARNING = "warning"
    SUCCESS = "success"
    GAP = "gap"  # lines that the page leaves out


class Block(NamedTuple):
    """Consecutive lines of one kind; `line` is the number of the first, `error` counts the listed markers from 1."""

    kind: Kind
    line: int
    pieces: tuple[Piece, ...]
    error: int = 0


class ErrorLine(NamedTuple):
    """A marker line for the list above the log, with the first of the files or processes that it is about."""

    number: int
    line: int
    text: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class LogView:
    """All that the template needs."""

    blocks: tuple[Block, ...]
    errors: tuple[ErrorLine, ...]
    lines: int
    hidden: int


_RECORD: Final = r"\d+m\d+\.\ds "  # how a line of the tester begins; its level follows
_MARK: Final = re.compile(
    rf"(?P<error>{_RECORD}(?:ERROR: (?!piuparts run ends)|[A-Z]+: (?:FAIL|WARN): )"
    r"| \*\*\* (?:Process KILLED|PIUPARTS OUTPUT INCOMPLETE)|\*{5} Command was terminated"
    r"|\s*(?:E: |dpkg: error |Errors were encountered while processing))"
    rf"|(?P<warning>{_RECORD}(?:WARNING: |[A-Z]+: Warning: )|\s*(?:W: |dpkg: warning: ))"
    rf"|(?P<success>{_RECORD}[A-Z]+: PASS: )"
)
_LISTS_SUBJECTS: Final = re.compile(r".* (?:FAIL|WARN): .*:$")


def view_log(path: Path) -> LogView:
    """Read a log of any size in one pass; memory is bounded by the constants above. Raises OSError."""
    collector = _Collector()
    with path.open("rb") as stream:
        for text in _lines(stream):
            collector.add(text)
    return collector.view()


def _lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of a file, over-long ones cut; undecodable bytes become `\\xNN`."""
    shown, length, open_line = b"", 0, False
    while chunk := stream.readline(_READ_MAX):
        ended = chunk.endswith(b"\n")
        content = chunk[:-1] if ended else chunk
        if len(shown) < 4 * LINE_MAX:
            shown += content[: 4 * LINE_MAX]
        length += len(content)
        open_line = not ended
        if ended:
            yield _decode(shown, length)
            shown, length = b"", 0
    if open_line:
        yield _decode(shown, length)


def _decode(shown: bytes, length: int) -> str:
    text = shown.removesuffix(b"\r").decode("utf-8", "backslashreplace")
    if len(text) <= LINE_MAX and length == len(shown):
        return text
    return f"{text[:LINE_MAX]} [… line of {length:,} bytes, cut here]"


class _Line(NamedTuple):
    number: int
    kind: Kind
    text: str
    error: int = 0


@dataclass
class _Collector:
    """Keeps the head, the tail and the neighbourhood of errors, while lines go by."""

    kept: list[_Line] = field(default_factory=list)
    recent: deque[_Line] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    errors: list[ErrorLine] = field(default_factory=list)
    count: int = 0
    keep_until: int = HEAD_LINES
    begins_as_slaves_do: bool = False
    in_error: bool = False
    listed: bool = False  # whether the last error is one of `errors`

    def add(self, text: str) -> None:
        self.count += 1
        if self.count == 1:
            self.begins_as_slaves_do = text.startswith("Start: ")
        kind = self._kind(text)
        error = 0
        if kind is Kind.ERROR:
            self.listed = len(self.errors) < ERRORS_MAX
            error = self._list_error(text) if self.listed else 0
        elif kind is Kind.ERROR_DETAIL and self.listed:
            self._add_detail(text)
        line = _Line(self.count, kind, text, error)
        if self.count <= self.keep_until:
            self.kept.append(line)
        else:
            self.recent.append(line)

    def _list_error(self, text: str) -> int:
        number = len(self.errors) + 1
        self.errors.append(ErrorLine(number, self.count, plain(text)[:_LISTED_MAX], ()))
        self._keep_before()
        self.keep_until = max(self.keep_until, self.count + AFTER_ERROR)
        return number

    def _add_detail(self, text: str) -> None:
        last = self.errors[-1]
        if _LISTS_SUBJECTS.match(last.text) and len(last.details) < DETAILS_MAX:
            self.errors[-1] = last._replace(details=(*last.details, plain(text)[:_LISTED_MAX]))

    def _keep_before(self) -> None:
        wanted = [line for line in self.recent if line.number >= self.count - BEFORE_ERROR]
        self.kept.extend(wanted)
        for _ in wanted:
            self.recent.pop()

    def _kind(self, text: str) -> Kind:
        if self.count == 2 and self.begins_as_slaves_do and text.strip():
            return Kind.ERROR  # why the slave did not even begin the test
        found = _MARK.match(text)
        if found is not None:
            kind = Kind(found.lastgroup or Kind.PLAIN)
            self.in_error = kind is Kind.ERROR or (self.in_error and kind is Kind.WARNING)
            return kind
        self.in_error = self.in_error and text.startswith("  ")
        return Kind.ERROR_DETAIL if self.in_error else Kind.PLAIN

    def view(self) -> LogView:
        lines = sorted((*self.kept, *self.recent)) if self.recent else self.kept
        return LogView(tuple(_blocks(lines)), tuple(self.errors), self.count, self.count - len(lines))


def _blocks(lines: list[_Line]) -> Iterator[Block]:
    """Neighbouring lines of one kind in one block (a page of few elements renders fast), gaps named."""
    start, texts = lines[0] if lines else None, list[str]()
    expected = 1
    for line in lines:
        if start is None:
            start = line
        starts_new = line.kind is not start.kind or line.error or line.number != expected
        if texts and starts_new:
            yield Block(start.kind, start.number, pieces_of("\n".join(texts)), start.error)
            start, texts = line, []
        if line.number != expected:
            yield Block(Kind.GAP, expected, (Piece(f"{line.number - expected:,}", False),))
        texts.append(line.text)
        expected = line.number + 1
    if start is not None and texts:
        yield Block(start.kind, start.number, pieces_of("\n".join(texts)), start.error)
