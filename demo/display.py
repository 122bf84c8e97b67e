"""What a person sees while the farm works and when it is done: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.folder import Folder
from demo.reasons import reason
from demo.watch import PackageProgress, RoundResult, Watch

_STYLE: Final = {"pass": "green", "fail": "red", "untestable": "magenta", "trouble": "yellow", "aborted": "yellow"}
_SHOWN: Final = 16  # rows of the live table
_FILE_WIDTH: Final = 160  # columns, where nobody says how many there are


class Display:
    """Tells the steps of the demo and how far it is."""

    def __init__(self) -> None:
        wide = None if sys.stdout.isatty() else _FILE_WIDTH
        self.console = Console(highlight=False, width=wide)
        self._began = time.monotonic()

    def step(self, text: str) -> None:
        """A line for a step that begins."""
        self.console.print(f"[dim]{self._elapsed()}[/dim] {text}")

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """A step that takes a moment; on a terminal it turns until it is done."""
        begun = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(text):
                yield
        else:
            yield
        self.step(f"{text} [dim]({time.monotonic() - begun:.1f} s)[/dim]")

    @contextmanager
    def following(self, watch: Watch, total: int) -> Iterator[None]:
        """While the slave works: a live table on a terminal."""
        if not self.console.is_terminal:
            yield
            return
        live = Live(console=self.console, refresh_per_second=8, transient=True,
                    get_renderable=lambda: self._progress(watch, total))
        with live:
            yield

    def ended(self, package: PackageProgress) -> None:
        """A package's test has ended: a line, where there is no live table."""
        if not self.console.is_terminal:
            seconds = f"{package.seconds:6.1f} s" if package.seconds is not None else " " * 8
            self.console.print(f"{self._elapsed()} {package.outcome or package.phase:<10} {seconds} {package.name}")

    def summary(self, result: RoundResult, folder: Folder) -> None:
        """What came of it all."""
        self.console.print()
        self.console.print(result_table(result.packages, partial(reason, folder.master)))
        self.console.print()
        for trouble in result.troubles:
            self.console.print(f"[yellow]trouble:[/yellow] {trouble}")
        self.console.print(outcome_line(result.packages))
        for state, number in result.held_up.items():
            self.console.print(f"{number} not tested: {state}")
        if result.packages and result.seconds > 0:
            rate = len(result.packages) * 3600 / result.seconds
            self.console.print(
                f"{len(result.packages)} packages in {result.seconds:.1f} s of testing: {rate:,.0f} packages per hour"
            )
        self.console.print(f"The whole run took {self._elapsed().strip()} (minutes:seconds).")
        self.console.print(f"Site: {folder.site / 'index.html'}", soft_wrap=True)

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:2}:{seconds:02}"

    def _progress(self, watch: Watch, total: int) -> Group:
        packages = list(watch.packages.values())
        done = sum(package.outcome is not None for package in packages)
        newest = [package for package in packages if package.phase != "reserved"][-_SHOWN:]
        waiting = [package for package in packages if package.phase == "reserved"][: max(0, _SHOWN - len(newest))]
        head = Table.grid(padding=(0, 1))
        head.add_row(self._elapsed(), ProgressBar(total=total, completed=done, width=40), f"{done} of {total} packages")
        if packages:
            return Group(head, Text(), package_table([*newest, *waiting]))
        return Group(head, Text(watch.notes[-1] if watch.notes else "the slave starts", style="dim"))


def package_table(packages: Sequence[PackageProgress]) -> Table:
    """Packages with phase, seconds and outcome."""
    table = Table(box=None, pad_edge=False)
    for name in ("section", "package", "version", "phase"):
        table.add_column(name, header_style="dim")
    table.add_column("seconds", justify="right", header_style="dim")
    table.add_column("outcome", header_style="dim")
    for package in packages:
        seconds = package.shown_seconds
        table.add_row(
            package.section,
            package.name,
            package.version,
            package.phase,
            "" if seconds is None else f"{seconds:.1f}",
            Text(package.outcome or "", style=_STYLE.get(package.outcome or "", "")),
        )
    return table


def result_table(packages: Sequence[PackageProgress], why: Callable[[PackageProgress], str]) -> Table:
    """What came of each package, how long its test took, and why it did not pass."""
    rows = [
        (
            package.section,
            package.name,
            package.version,
            package.outcome or "",
            "" if package.seconds is None else f"{package.seconds:.1f}",
            why(package),
        )
        for package in sorted(packages, key=lambda package: (package.section, package.name))
    ]
    heads = ("section", "package", "version", "outcome", "seconds", "why")
    table = Table(box=None, pad_edge=False)
    for number, head in enumerate(heads):
        # on a narrow terminal only the last column is cut
        width = max(len(row[number]) for row in (heads, *rows)) if head != "why" else None
        table.add_column(
            head, header_style="dim", no_wrap=True, min_width=width, justify="right" if head == "seconds" else "left"
        )
    for row in rows:
        table.add_row(*(Text(cell, style=_STYLE.get(cell, "")) for cell in row))
    return table


def outcome_line(packages: Sequence[PackageProgress]) -> Text:
    """`19 pass, 9 fail, 1 untestable`, in colours."""
    counts = Counter(package.outcome or package.phase for package in packages)
    parts = [Text(f"{number} {outcome}", style=_STYLE.get(outcome, "")) for outcome, number in counts.most_common()]
    return Text(", ").join(parts)
