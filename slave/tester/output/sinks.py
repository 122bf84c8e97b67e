"""Where a test is told: the log on standard output and in a file; to a person at a terminal, steps and a summary."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import datetime
from io import FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from piufarm.errors import UsageError
from piufarm.slave.bases.housekeeping import KEEP_SECONDS
from piufarm.slave.bases.prepare import default_cache
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.result import RunResult

if TYPE_CHECKING:
    from piufarm.slave.tester.output.screen import Screen

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9.+-]+")
_NAME_MAX: Final = 60


class Output:
    """The log of a run and, at a terminal, its screen."""

    def __init__(self, log: TestLog, log_file: Path | None, screen: Screen | None) -> None:
        self.log = log
        self._log_file = log_file
        self._screen = screen

    def following(self) -> AbstractContextManager[None]:
        """While the test runs."""
        return self._screen.following() if self._screen is not None else nullcontext()

    def aside(self) -> AbstractContextManager[None]:
        """While something else, such as a shell, has the terminal."""
        return self._screen.aside() if self._screen is not None else nullcontext()

    def end(self, result: RunResult) -> None:
        """Tell a person how it went."""
        if self._screen is not None:
            self._screen.end(result, self._log_file)


@contextmanager
def opened_output(options: Options) -> Iterator[Output]:
    """As the options say. Raises UsageError if a log cannot be written."""
    log_file = options.output.log_file
    with ExitStack() as stack:
        sys.stdout.flush()
        if not sys.stdout.isatty() or options.output.verbose:
            sinks: list[RawIOBase] = [FileIO(sys.stdout.fileno(), "wb", closefd=False)]
            if log_file is not None:
                sinks.append(stack.enter_context(_appended(log_file)))
            yield Output(TestLog(sinks, threshold=options.output.log_level), log_file, None)
            return
        from rich.console import Console

        from piufarm.slave.tester.output.screen import Screen

        screen = Screen(Console())
        log_file = (log_file or _new_log_file(options)).absolute()
        sink = stack.enter_context(_appended(log_file))
        log = TestLog([sink], threshold=options.output.log_level, watcher=screen.step)
        yield Output(log, log_file, screen)


def _appended(path: Path) -> FileIO:
    try:
        return FileIO(path, "ab")
    except OSError as error:
        raise UsageError(f"cannot write the log file {path}: {error.strerror}") from error


def _new_log_file(options: Options) -> Path:
    """Where a log goes that nobody has given a place; those that are a month old are removed."""
    folder = default_cache() / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "give it a place with --log-file"
        raise UsageError(f"cannot write a log in {folder}: {error.strerror}", hint=hint) from error
    for old in folder.iterdir():
        with suppress(OSError):  # another tester may be cleaning up, too
            if old.stat().st_mtime < time.time() - KEEP_SECONDS:
                old.unlink()
    name = _NOT_IN_NAMES.sub("_", Path(options.operands[0]).name)[:_NAME_MAX]
    return folder / f"{name}_{datetime.now():%Y%m%d-%H%M%S}.log"
