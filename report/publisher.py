"""Puts files into the published tree, each in one step, leaves unchanged ones alone, takes stale ones away."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from piufarm.files import atomic_write, atomic_writer
from piufarm.report.artifact import Artifact
from piufarm.report.ledger import Ledger
from piufarm.report.paths import SitePath

_NO_LINK: Final = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP)
_TEMPORARY: Final = ".new-"  # what atomic_writer and we begin unfinished files with
_OURS: Final = (".html", ".log", ".log.xz")


@dataclass
class Tally:
    """What one run of the report did, for its last line."""

    rendered: int = 0
    unchanged: int = 0
    removed: int = 0


class Publisher:
    """Publishes into one folder of the site (a section's, or the top) and its ledger.

    Used as a context manager: the ledger is saved at the end, even of an interrupted run, so that what was done counts.
    """

    def __init__(self, output: Path, folder: SitePath, *, salt: str, tally: Tally) -> None:
        self._output = output
        self._root = output / folder
        self._salt = salt
        self._tally = tally
        self._published: set[SitePath] = set()
        self._root.mkdir(parents=True, exist_ok=True)
        self._ledger = Ledger(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ledger.save()

    def publish(self, artifact: Artifact) -> None:
        """Write the file unless the same inputs made the one that is there. Raises OSError."""
        path = self._output / artifact.path
        digest = artifact.digest(self._salt)
        self._published.add(artifact.path)
        status = _status(path)
        if status is not None and self._ledger.is_current(artifact.path, digest, status):
            self._tally.unchanged += 1
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, artifact.make(), durable=False)  # a page lost with the power is made again
        self._ledger.record(artifact.path, digest, path.stat())
        self._tally.rendered += 1

    def publish_log(self, source: Path, target: SitePath) -> bool:
        """Show a log of the master in the tree, as a hard link or else a copy; False if there is no such file."""
        path = self._output / target
        status = _status(source)
        if status is None or not stat.S_ISREG(status.st_mode):
            return False
        self._published.add(target)
        if not _shows(path, status):
            path.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(source, path, status)
        self._ledger.record(target, "log", status)
        return True

    def remove_stale(self, owned: Sequence[str] = (), foreign: frozenset[Path] = frozenset()) -> None:
        """Delete what earlier runs published and this one did not, and in the folders `owned` every other page and log.

        `foreign` folders belong to other sections and are left alone.
        """
        for path in self._ledger:
            if path not in self._published:
                self._remove(self._output / path)
                self._ledger.forget(path)
        for name in owned:
            for file in _files(self._root / name, foreign):
                relative = SitePath(file.relative_to(self._output).as_posix())
                if relative not in self._published and _is_ours(file.name):
                    self._remove(file)

    def _remove(self, file: Path) -> None:
        try:
            file.unlink()
        except FileNotFoundError:
            return
        self._tally.removed += 1
        with contextlib.suppress(OSError):  # not empty: fine
            for folder in takewhile(lambda folder: folder != self._root, file.parents):
                folder.rmdir()


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is_ours(name: str) -> bool:
    return name.endswith(_OURS) or name.startswith(_TEMPORARY)


def _files(directory: Path, foreign: frozenset[Path]) -> Iterator[Path]:
    if directory in foreign:
        return
    for folder, folders, names in os.walk(directory):
        here = Path(folder)
        folders[:] = [name for name in folders if here / name not in foreign]
        yield from (here / name for name in names)


def _shows(path: Path, source: os.stat_result) -> bool:
    """Whether the published file is the source itself or a copy of it as it is now."""
    status = _status(path)
    if status is None:
        return False
    if (status.st_dev, status.st_ino) == (source.st_dev, source.st_ino):
        return True
    return (status.st_size, status.st_mtime_ns) == (source.st_size, source.st_mtime_ns)


def _link_or_copy(source: Path, path: Path, status: os.stat_result) -> None:
    temporary = path.parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
    try:
        temporary.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with source.open("rb") as content, atomic_writer(path, durable=False) as stream:
            shutil.copyfileobj(content, stream)
            stream.flush()
            os.utime(stream.fileno(), ns=(status.st_mtime_ns, status.st_mtime_ns))
        return
    try:
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
