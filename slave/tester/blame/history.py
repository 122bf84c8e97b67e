"""Who was at work when an object of the chroot was made or changed: the history of its scripts, put in order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from piufarm.slave.chroot.interface import Mark, MarkKind, Placement

NOBODY_KNOWS: Final = "?"  # a process that does not say whose script started it
_LEFT_RUNNING: Final = "a process that it left running"
# Commands of the test that change nothing but for the scripts that they run. Any other may do whatever it likes.
_HARMLESS: Final = ("", "apt-get", "apt-cache", "dpkg", "dpkg-query", "md5sum")


@dataclass(frozen=True)
class Span:
    """The time between two marks: the command that runs, the script that runs in it, what earlier ones left running."""

    command: str = ""
    package: str = ""
    script: str = ""
    strays: frozenset[str] = frozenset()

    @property
    def actors(self) -> frozenset[str]:
        """The packages that may have done what was done meanwhile, beside the command itself."""
        return self.strays | {self.package} - {""}

    @property
    def suspects(self) -> frozenset[str]:
        """The same, and nobody knows who else where the command may change something itself."""
        return self.actors if self.command in _HARMLESS else self.actors | {NOBODY_KNOWS}

    @property
    def actor(self) -> tuple[str, str] | None:
        """The only package that can have done what no command does by itself, and in which script; None: not known."""
        if len(self.actors) != 1 or NOBODY_KNOWS in self.actors:
            return None
        (package,) = self.actors
        return package, self.script or _LEFT_RUNNING


class History:
    """The spans of a chroot's life. What cannot be told has None for an answer."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        everything = list(marks)
        known = list(takewhile(lambda mark: mark.inode, everything))
        self._inodes = [mark.inode for mark in known]
        self._times = [mark.time_ns for mark in known]
        self._spans = [Span(), *_spans(known)]
        if len(known) < len(everything):  # nobody knows when the last span that is known ended
            self._spans[-1] = replace(self._spans[-1], strays=frozenset({NOBODY_KNOWS}))

    @property
    def is_known(self) -> bool:
        """Whether there is one at all."""
        return bool(self._inodes)

    @property
    def strays(self) -> frozenset[str]:
        """Of which packages processes were running at the last mark."""
        return self._spans[-1].strays

    def is_as_unpacked(self, place: Placement) -> bool:
        """Whether a packaged file has the time that its package gives it: nobody has written into it since."""
        return place.content_ns < self._times[0]

    def made(self, place: Placement) -> Span:
        """When the object was made, or first changed if the base has it."""
        return self._spans[self._made_at(place)]

    def changed(self, place: Placement) -> Span | None:
        """When the object was changed last; None if two spans are too close to each other to tell."""
        made = self._made_at(place)
        spans = self._spans[max(made, self._first_at(place.changed_ns)) : self._last_at(place.changed_ns) + 1]
        if self._spans[made].actors and self._spans[made] in spans:
            return self._spans[made]  # what one makes, one changes
        busy = {span for span in spans if span.actors} or set(spans)
        return busy.pop() if len(busy) == 1 else None

    def suspects_between(self, place: Placement, until_ns: int) -> frozenset[str]:
        """All packages that were at work from the making of an object to a point in time."""
        spans = self._spans[self._made_at(place) : self._last_at(until_ns) + 1]
        return frozenset().union(*(span.suspects for span in spans))

    def suspects_until(self, until_ns: int) -> frozenset[str]:
        """All packages that were at work from the beginning to a point in time."""
        return frozenset().union(*(span.suspects for span in self._spans[: self._last_at(until_ns) + 1]))

    def last_command(self) -> Sequence[Span]:
        """The spans of the command that ran last."""
        ends = [number for number, span in enumerate(self._spans) if not span.command]
        last = ends[-1] if ends[-1] < len(self._spans) - 1 else ends[-2] if len(ends) > 1 else -1
        return [span for span in self._spans[last + 1 :] if span.command]

    def _made_at(self, place: Placement) -> int:
        return bisect_right(self._inodes, place.inode)

    def _first_at(self, time_ns: int) -> int:
        """The clock of file systems stands still for milliseconds: a change may come before a mark of the same time."""
        return bisect_right(self._times, time_ns - 1)

    def _last_at(self, time_ns: int) -> int:
        return bisect_right(self._times, time_ns)


def _spans(marks: Sequence[Mark]) -> Iterable[Span]:
    """What goes on after each mark."""
    command = package = script = ""
    for mark in marks:
        match mark.kind:
            case MarkKind.COMMAND:
                command = mark.text
            case MarkKind.SCRIPT:
                package, script = mark.package, mark.text
            case MarkKind.SCRIPT_ENDED:
                package = script = ""
            case MarkKind.COMMAND_ENDED:
                command = package = script = ""
        yield Span(command, package, script, frozenset(mark.strays))
