"""What a person at a terminal sees of a test instead of its log: the steps as they come, and in the end a summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from piufarm.slave.tester.output.log import one_line, printable
from piufarm.slave.tester.output.result import RunResult
from piufarm.slave.tester.output.summary import summary

_WORTH_A_LINE_SECONDS: Final = 0.05
_NAME_WIDTH: Final = 24


class Screen:
    """Shows one run. Steps end when the next one begins."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._begun = self._step_begun = clock()
        self._step = ""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, refresh_per_second=4)

    @contextmanager
    def following(self) -> Iterator[None]:
        """While the test runs; the last line says what it is doing."""
        self._progress.start()
        try:
            yield
        finally:
            self._end_step()
            self._progress.stop()

    def step(self, name: str) -> None:
        """Something else begins."""
        self._end_step()
        self._step, self._step_begun = _harmless(name), self._clock()
        self._progress.add_task(self._step, total=None)

    def _end_step(self) -> None:
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        seconds = self._clock() - self._step_begun
        if self._step and seconds >= _WORTH_A_LINE_SECONDS:
            self._print(Text(f"  {self._step:<{_NAME_WIDTH}} {seconds:6.1f} s", style="dim"))
        self._step = ""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While somebody else has the terminal."""
        self._end_step()
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def end(self, result: RunResult, log: Path | None) -> None:
        """The summary."""
        for line in summary(result, log, self._clock() - self._begun):
            self._print(line)

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)


def _harmless(text: str) -> str:
    return one_line(printable(text))
