"""Who works on the files of a section: the lock of piuparts, `master.lock`, and our own for taking logs over."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from piufarm.names import SectionName


def import_lock(section: SectionName) -> str:
    """The name of the store's lock that is held while logs become ours: some lie in runs/ and have no rows yet."""
    return f"import {section}"


@contextmanager
def section_lock(root: Path, *, exclusive: bool) -> Iterator[bool]:
    """Keep programs of piuparts, and sessions of ours, out of a section's folder while the block runs.

    False if one is in it already. An exclusive lock makes the file if it is missing; another one leaves the folder as
    it is, and then there is nobody to keep out. Raises OSError.
    """
    flags = os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY
    try:
        descriptor = os.open(root / "master.lock", flags | os.O_CLOEXEC, 0o666)
    except FileNotFoundError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
