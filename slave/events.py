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


class Phase(StrEnum):
    """What has just happened; the ones of a package are in the order of its life."""

    RESERVED = "reserved"
    TESTING = "testing"
    TESTED = "tested"  # with outcome and seconds
    TROUBLE = "trouble"  # of a package: its test said nothing about it; else: of a section, or of the connection
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


Tell = Callable[[Event], None]


def trouble(error: Exception, section: SectionName | None = None, entry: Reserved | None = None) -> Event:
    """The event of an error."""
    hint = error.hint if isinstance(error, PiufarmError) else None
    return Event(Phase.TROUBLE, section, entry, text=str(error), hint=hint)


class JsonLines:
    """Appends each event to a file as one line of JSON; keys that do not apply are left out."""

    def __init__(self, path: Path, *, slave: int, clock: Clock = now) -> None:
        try:
            self._stream = path.open("ab", buffering=0)
        except OSError as error:
            raise FarmError(f"cannot write events to {path}: {error.strerror}") from error
        self._slave = slave
        self._clock = clock

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
            "seconds": None if event.seconds is None else round(event.seconds, 3),
            "text": event.text or None,
            "hint": event.hint,
        }
        line = json.dumps({name: value for name, value in fields.items() if value is not None}, ensure_ascii=False)
        self._stream.write(line.encode("utf-8", "backslashreplace") + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
