"""Keeping the cache from growing for ever: what nobody has used for a while goes."""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from piufarm.slave.bases.shelf import Shelf

REFERENCES: Final = "references"  # folder of the cache: what upgraded bases look like
KEEP_SECONDS: Final = 30 * 24 * 3600


def remove_unused(cache: Path, *, older_than: float | None = None) -> None:
    """Remove bases, .debs, references last used before `older_than` (seconds since 1970; default: 30 days ago).

    What is being used stays, however long that takes. Trouble with one file does not keep the others.
    """
    limit = time.time() - KEEP_SECONDS if older_than is None else older_than
    for folder in _entries(cache / "bases"):
        with suppress(OSError):
            if folder.stat().st_mtime < limit:
                _remove_shelf(folder)
    for file in (cache / "debs" / "by-url").glob("*/*"):
        with suppress(OSError):  # another tester may be cleaning up, too
            if file.stat().st_atime < limit:
                file.unlink()
    for file in (cache / REFERENCES).glob("*"):
        with suppress(OSError):
            if file.stat().st_mtime < limit:
                file.unlink()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove_shelf(folder: Path) -> None:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if Shelf(folder).empty():
            shutil.rmtree(folder, ignore_errors=True)
