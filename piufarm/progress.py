"""What a person at a terminal sees while many files are dealt with; silent anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from piufarm.names import SectionName

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class Ticker(Protocol):
    """Told about each file of a section that is dealt with."""

    def __call__(self) -> None: ...


class Progress(Protocol):
    """Makes a ticker for each section."""

    def section(self, name: SectionName, files: int) -> Ticker: ...


class NoProgress:
    """For pipes, cron and tests."""

    def section(self, name: SectionName, files: int) -> Ticker:
        return lambda: None


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """Bars on standard error if it is a terminal."""
    if not sys.stderr.isatty():
        yield NoProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichBars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with RichBars(*columns, console=Console(stderr=True)) as bars:
        yield _RichProgress(bars)


class _RichProgress:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    def section(self, name: SectionName, files: int) -> Ticker:
        task = self._bars.add_task(name, total=files)
        return lambda: self._bars.advance(task)
