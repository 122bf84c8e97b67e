"""What an administrator should read about a session: one line each, to stderr and into the farm's error log."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from piufarm.errors import PiufarmError
from piufarm.master.journal import Journal


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
        print(f"piufarm master session: {line}", file=sys.stderr)
        if self._log is None:
            return
        try:
            journal = Journal(self._log, self._session)
            try:
                journal.write(datetime.now(UTC), line)
            finally:
                journal.close()
        except OSError as error:
            print(f"piufarm master session: {self._log}: {error.strerror}", file=sys.stderr)

    def take_error(self, error: PiufarmError) -> None:
        """Tell why something did not work, and the next step."""
        self.take(f"{error.message} ({error.hint})" if error.hint else error.message)
