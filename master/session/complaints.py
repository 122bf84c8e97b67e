"""What an administrator should read about a session: one line each, to stderr and into the farm's error log."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from piufarm.errors import PiufarmError
from piufarm.master.session.journal import Journal


class Complaints:
    """Collects trouble; until the configuration is read, only stderr gets it."""

    def __init__(self, slave: str | None) -> None:
        self._session = f"{slave or 'anonymous'}/{os.getpid()}"
        self._log: Path | None = None

    def also_into(self, log: Path) -> None:
        """Append what follows to this file, too."""
        self._log = log

    def take(self, text: str) -> None:
        """Tell one line."""
        line = " ".join(text.split())
        self._print(line)
        if self._log is None:
            return
        try:
            journal = Journal(self._log, self._session)
            try:
                journal.write(datetime.now(UTC), line)
            finally:
                journal.close()
        except OSError as error:
            self._print(f"{self._log}: {error.strerror}")

    def _print(self, line: str) -> None:
        if sys.stderr is None:  # closed before we began
            return
        with suppress(OSError):  # the peer has closed its end: no reason to refuse a result
            os.write(sys.stderr.fileno(), f"piufarm master session: {line}\n".encode("utf-8", "backslashreplace"))

    def take_error(self, error: PiufarmError) -> None:
        """Tell why something did not work, and the next step."""
        self.take(f"{error.message} ({error.hint})" if error.hint else error.message)
