"""What a slave does, as a stream of events: for the terminal, and as JSON lines for programs (`--json-events`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from piufarm.errors import FarmError, PiufarmError
from piufarm.names import SectionName
from piufarm.outcome import Outcome
from piufarm.slave.job.logfile import Clock, now
from piufarm.slave.spool import Reserved
from piufarm.trouble import TroubleKind


class Phase(StrEnum):
    """What has just happened; the ones of a package are in the order of its life."""

    RESERVED = "reserved"
    TESTING = "testing"
    TESTED = "tested"  # with outcome and seconds
    TROUBLE = "trouble"  # of a package, with a kind: no result; else: of a section, or of the connection
    ABORTED = "aborted"
    SENT = "sent"  # the master has the log
    GIVEN_BACK = "given-back"
    TAKEN_AWAY = "taken-away"  # the lease was over, the master has it tested elsewhere
    STARTED = "started"
    NOTE = "note"
    IDLE = "idle"  # with seconds until the next attempt
    ENDED = "ended"


@dataclass(frozen=True)
class Event:
    """Something that a slave did."""

    phase: Phase
    section: SectionName | None = None
    entry: Reserved | None = None
    outcome: Outcome | None = None
    seconds: float | None = None
    text: str = ""
    hint: str | None = None
    kind: TroubleKind | None = None


Tell = Callable[[Event], None]


def trouble(error: Exception, section: SectionName | None = None) -> Event:
    """The event of an error."""
    hint = error.hint if isinstance(error, PiufarmError) else None
    return Event(Phase.TROUBLE, section, text=str(error), hint=hint)


class JsonLines:
    """Appends each event to a file as one line of JSON; keys that do not apply are left out.

    A slave does not stop because they cannot be written: `complain` hears of it once, and what they would say is lost.
    """

    def __init__(self, path: Path, *, slave: int, complain: Tell = lambda _: None, clock: Clock = now) -> None:
        try:
            self._stream = path.open("ab", buffering=0)
        except OSError as error:
            raise FarmError(f"cannot write events to {path}: {error.strerror}") from error
        self._path = path
        self._slave = slave
        self._complain = complain
        self._clock = clock
        self._is_broken = False
        self._is_torn = False  # the last line has no end

    def tell(self, event: Event) -> None:
        """Write it, whole, in one go."""
        fields: dict[str, object | None] = {
            "time": self._clock().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "slave": self._slave,
            "phase": event.phase.value,
            "section": event.section,
            "package": event.entry.package if event.entry else None,
            "version": event.entry.version if event.entry else None,
            "outcome": event.outcome.value if event.outcome else None,
            "kind": event.kind.value if event.kind else None,
            "seconds": None if event.seconds is None else round(event.seconds, 3),
            "text": event.text or None,
            "hint": event.hint,
        }
        line = json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False)
        self._append(line.encode("utf-8", "backslashreplace") + b"\n")

    def _append(self, line: bytes) -> None:
        data = b"\n" + line if self._is_torn else line
        try:
            written = self._stream.write(data)
        except OSError as error:
            if not self._is_broken:
                self._complain(Event(Phase.NOTE, text=f"cannot write events to {self._path}: {error.strerror}"))
            self._is_broken = True
        else:
            self._is_torn = written != len(data)
            self._is_broken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
