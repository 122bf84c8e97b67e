"""Writing files so that a crash leaves either the old content or the new one, never a part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from piufarm.faults import fault_point


def fsync_file(path: Path) -> None:
    """Make the content of a file durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_directory(directory: Path) -> None:
    """Make renames, links and removals in `directory` durable."""
    fsync_file(directory)


def sync_file_system(directory: Path) -> None:
    """Make everything durable that was written to the file system of `directory`: quicker than many single files."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Make a folder and its parents durably.

    The parents are synced also if they are there already, because whoever made them may not have done that; those that
    this account cannot write are not its own work.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for parent in directory.parents:
        if not os.access(parent, os.R_OK | os.W_OK):
            break
        fsync_directory(parent)


def current_umask() -> int:
    """The umask of this process, read without changing it."""
    with Path("/proc/self/status").open() as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022


@contextmanager
def atomic_writer(path: Path, *, mode: int = 0o666, durable: bool = True) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block ends well and vanishes when it does not.

    Written beside its target, then (if `durable`) fsync, rename, fsync of the directory. `mode` is subject to the
    umask. Raises OSError; on any exception `path` is as it was.
    """
    # named before it is made, so that a signal finds no moment in which it is there and nobody would remove it
    temporary = path.parent / f".new-{os.urandom(8).hex()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as stream:
            fault_point("file.made")
            yield stream
            stream.flush()
            fault_point("file.written")
            if durable:
                os.fsync(descriptor)
        fault_point("file.synced")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fault_point("file.renamed")
    if durable:
        fsync_directory(path.parent)
        fault_point("file.folder-synced")


def atomic_write(path: Path, content: bytes | str, *, mode: int = 0o666, durable: bool = True) -> None:
    """Give `path` this content in one step; see atomic_writer."""
    with atomic_writer(path, mode=mode, durable=durable) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
