"""Events for people: one line each, and on a terminal a last line that says what is being tested."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from piufarm.slave.events import Event, Phase

_STYLES: Final = {"pass": "green", "fail": "red", "untestable": "yellow"}
_SILENT: Final = (Phase.RESERVED, Phase.SENT)


class Display:
    """Shows events; plain lines when the output is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, refresh_per_second=4)
        self._task: TaskID | None = None

    def tell(self, event: Event) -> None:
        """Show it."""
        self._follow(event)
        text = _line(event, live=self._console.is_terminal)
        if text is not None:
            line = Text.assemble((f"{datetime.now():%H:%M:%S} ", "dim"), text)
            self._console.print(line, soft_wrap=True, highlight=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def _follow(self, event: Event) -> None:
        """Keep the last line up to date."""
        if event.phase is Phase.NOTE:
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._progress.refresh()
            self._task = None
        if event.phase is Phase.TESTING:
            self._task = self._progress.add_task(f"testing {_subject(event)}", total=None)


def _subject(event: Event) -> str:
    words = [event.section or "", *(event.entry or ())]
    return " ".join(word for word in words if word)


def _line(event: Event, *, live: bool) -> Text | None:
    subject = _subject(event)
    seconds = "" if event.seconds is None else f"{event.seconds:.1f} s"
    match event.phase:
        case Phase.TESTED if event.outcome is not None:
            return Text.assemble(f"{subject}  ", (event.outcome, _STYLES[event.outcome]), f"  {seconds}")
        case Phase.TESTING:
            return None if live else Text(f"{subject}  testing")
        case Phase.TROUBLE:
            hint = f"\n         {_harmless(event.hint)}" if event.hint else ""
            said = _harmless(event.text)
            return Text.assemble(f"{subject}  " if subject else "", ("trouble: ", "magenta"), said, (hint, "dim"))
        case Phase.ABORTED | Phase.GIVEN_BACK:
            return Text(f"{subject}  {event.phase.value.replace('-', ' ')}")
        case Phase.TAKEN_AWAY:
            return Text(f"{subject}  is not ours any more, the master gives it to others")
        case Phase.IDLE:
            return Text(f"nothing to test, waiting {event.seconds or 0:.0f} s", style="dim")
        case phase if phase in _SILENT:
            return None
    said = _harmless(event.text)
    return Text(f"{subject}: {said}" if subject else said) if said else None


def _harmless(text: str) -> str:
    """What others have said, a master for instance, with nothing in it that would do something to a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
