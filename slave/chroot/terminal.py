"""A person's terminal, lent to a program in a chroot: what is typed goes there, what it says comes here."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_PIECE: Final = 1 << 12
_IN, _OUT = 0, 1  # sys.stdin and sys.stdout may stand for something else while a progress display is shown


class Terminal:
    """Standard input and output of this process, both a terminal."""

    @staticmethod
    def is_there() -> bool:
        """Whether somebody sits before it."""
        return os.isatty(_IN) and os.isatty(_OUT)

    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        columns, rows = shutil.get_terminal_size()
        return rows, columns

    def fileno(self) -> int:
        """What becomes readable when something is typed."""
        return _IN

    def typed(self) -> bytes:
        """What has been typed; end of file, as ^D is, if the terminal is gone."""
        return os.read(_IN, _PIECE) or b"\x04"

    def show(self, output: bytes) -> None:
        """Write all of it."""
        rest = memoryview(output)
        while rest:
            rest = rest[os.write(_OUT, rest) :]

    @contextmanager
    def lent(self, resized: Callable[[], None]) -> Iterator[None]:
        """Every key goes through, ^C, too; `resized` is called when the window has another size."""

        def notice(_: int, __: FrameType | None) -> None:
            resized()

        sys.stdout.flush()
        settings = termios.tcgetattr(_IN)
        usual = signal.signal(signal.SIGWINCH, notice)
        tty.setraw(_IN, termios.TCSADRAIN)  # what was typed ahead is for the shell
        try:
            yield
        finally:
            termios.tcsetattr(_IN, termios.TCSADRAIN, settings)
            signal.signal(signal.SIGWINCH, usual)
