"""One report at a time: report.lock in the master's directory, held for a whole run."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from piufarm.errors import PiufarmError

LOCK_NAME: Final = "report.lock"


@contextmanager
def report_lock(master_directory: Path) -> Iterator[None]:
    """Hold the lock; it goes with the process, whatever ends it.

    Raises PiufarmError if another report runs or the master's directory is not there.
    """
    path = master_directory / LOCK_NAME
    try:
        stream = path.open("ab")
    except OSError as error:
        raise PiufarmError(
            f"cannot open {path}: {error.strerror}",
            hint="the report runs as the master's user; check master-directory with `piufarm check-config`",
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PiufarmError(
                "another report is being made", hint=f"wait for it to end; it holds {path}"
            ) from error
        yield
