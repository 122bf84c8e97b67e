"""What the slave is doing, put together from the events that it writes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from demo.samples import UPDATED

_RESULT_PHASES: Final = ("tested", "trouble", "aborted")


@dataclass
class PackageProgress:
    """A package on its way through the slave."""

    section: str
    name: str
    version: str
    phase: str
    started: float | None = None  # monotonic, while it is being tested
    seconds: float | None = None
    outcome: str | None = None
    text: str = ""

    @property
    def shown_seconds(self) -> float | None:
        """How long the test took, or has been running."""
        if self.seconds is not None or self.started is None:
            return self.seconds
        return time.monotonic() - self.started


@dataclass(frozen=True)
class RoundResult:
    """What one round of testing was."""

    packages: Sequence[PackageProgress]
    seconds: float  # from the first test's begin to the last one's end
    troubles: Sequence[str]
    held_up: Mapping[str, int]  # packages that are not to be tested, per state


@dataclass
class Watch:
    """Follows a file of events; `packages` has one entry per package, in the order of the slave's work."""

    path: Path
    packages: dict[tuple[str, str], PackageProgress] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    is_idle: bool = False  # the master has nothing for the slave
    troubles: list[str] = field(default_factory=list)
    _offset: int = 0
    _first_begin: float | None = None
    _last_end: float | None = None

    def skip_the_past(self) -> None:
        """Take no notice of what earlier slaves wrote."""
        self._offset = self.path.stat().st_size if self.path.exists() else 0

    def update(self) -> list[PackageProgress]:
        """Read what is new; returns the packages whose test has come to an end."""
        ended = []
        for event in self._new_events():
            package = self._apply(event)
            if package is not None and event["phase"] in _RESULT_PHASES:
                ended.append(package)
        return ended

    @property
    def testing_seconds(self) -> float:
        """Seconds from the first test's begin to the last one's end."""
        return (self._last_end or 0.0) - (self._first_begin or 0.0)

    def reserved_is_updated_sample(self) -> bool:
        """Whether the slave holds the sample that changes in the archive between reservation and test."""
        self.update()
        return any(name == UPDATED for _, name in self.packages)

    def _new_events(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return  # still being written
                self._offset += len(line)
                yield json.loads(line)

    def _apply(self, event: dict[str, Any]) -> PackageProgress | None:
        phase, name = event["phase"], event.get("package")
        self.is_idle = phase == "idle"
        if name is None:
            self._hear(event)
            return None
        key = (event.get("section", ""), name)
        package = self.packages.setdefault(key, PackageProgress(*key, event.get("version", ""), phase))
        package.phase = phase
        if phase == "testing":
            package.started, package.seconds, package.outcome = time.monotonic(), None, None
            self._first_begin = self._first_begin or package.started
        elif phase in _RESULT_PHASES:
            package.seconds = event.get("seconds", package.shown_seconds)
            package.outcome = event.get("outcome", phase)
            package.text = event.get("text", "")
            self._last_end = time.monotonic()
        return package

    def _hear(self, event: dict[str, Any]) -> None:
        text = " ".join(filter(None, (event.get("section"), event.get("text"))))
        if event["phase"] == "trouble":
            self.troubles.append(f"{text} ({event['hint']})" if "hint" in event else text)
        elif text:
            self.notes.append(text)
