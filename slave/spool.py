"""What a slave must not forget, on disk: reservations, and finished logs until the master has them.

One directory a section: `new/` (being written), `pass/ fail/ untestable/` (finished, unsent), `reserved/` (empty
markers of what is to be tested) as piuparts slaves have them, `give-back/` (markers of what is to be given back, with
the kind of trouble in them if that is why) and `trouble/` (evidence of tests that said nothing about the package). A
file moves from one to the next by one rename, and whatever was lost in a crash between two steps is put right by
`recover`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from piufarm.errors import FarmError
from piufarm.files import atomic_write, fsync_directory
from piufarm.names import InvalidName, Package, SectionName, Version, log_name, parse_log_name
from piufarm.outcome import Outcome
from piufarm.trouble import TroubleKind

_TROUBLE_FILES: Final = 100
_TROUBLE_BYTES: Final = 200 * 1024 * 1024


class SpoolBusy(FarmError):
    """Another slave works in this directory."""


class Reserved(NamedTuple):
    """A package version that the master has reserved for us."""

    package: Package
    version: Version

    @property
    def file_name(self) -> str:
        """The name of its marker and of its log."""
        return log_name(self.package, self.version)


class Finished(NamedTuple):
    """A log that the master does not have yet."""

    outcome: Outcome
    package: Package
    version: Version
    path: Path


class Evidence(NamedTuple):
    """Why a package is given back, and the log of that if it is still there."""

    kind: TroubleKind
    path: Path | None


class Spool:
    """The directories of one section; made if they are missing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._new = directory / "new"
        self._reserved = directory / "reserved"
        self._give_back = directory / "give-back"
        self._trouble = directory / "trouble"
        for path in (self._new, self._reserved, self._give_back, self._trouble, *map(self._finished, Outcome)):
            path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other slaves out while the block runs. Raises SpoolBusy."""
        with (self.directory / "slave.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SpoolBusy(
                    f"another slave works in {self.directory}", hint="give each slave a --number of its own"
                ) from error
            yield

    def recover(self) -> None:
        """Put right what a crash has left: half-written logs go, their packages stay reserved; finished ones do not."""
        for path, entry in _entries(self._new):
            self.reserve(entry)
            path.unlink()
        for part in (*self.directory.glob(".new-*"), *self._give_back.glob(".new-*")):
            part.unlink()
        for directory in (*map(self._finished, Outcome), self._give_back):
            for _, entry in _entries(directory):
                self.forget(entry)
        fsync_directory(self._new)

    # -- reservations

    def reserve(self, entry: Reserved) -> None:
        """Remember a reservation."""
        _touch(self._reserved / entry.file_name)

    def reserved(self) -> list[Reserved]:
        """What is to be tested, in the order in which the master handed it out."""
        return [entry for _, entry in _by_age(self._reserved)]

    def give_back(self, entry: Reserved, kind: TroubleKind | None = None) -> None:
        """Turn a reservation into one that is to be given back; because of trouble, if a kind of it is said."""
        marker = self._give_back / entry.file_name
        if kind is not None:
            atomic_write(marker, kind.value)
        _touch(marker)
        self.forget(entry)

    def to_give_back(self) -> list[Reserved]:
        """What the master is to be told not to wait for."""
        return [entry for _, entry in _by_age(self._give_back)]

    def evidence(self, entry: Reserved) -> Evidence | None:
        """What the master may be told about a package that is to be given back; None: nothing is wrong with it."""
        word = (self._give_back / entry.file_name).read_text(errors="replace")
        if word not in list(TroubleKind):
            return None
        path = self._trouble / entry.file_name
        return Evidence(TroubleKind(word), path if path.exists() else None)

    def given_back(self, entry: Reserved) -> None:
        """The master knows."""
        _remove(self._give_back / entry.file_name)

    def is_reserved(self, entry: Reserved) -> bool:
        """Whether it is still to be tested."""
        return (self._reserved / entry.file_name).exists()

    def forget(self, entry: Reserved) -> None:
        """It is not to be tested any more."""
        _remove(self._reserved / entry.file_name)

    # -- logs

    @contextmanager
    def new_log(self, entry: Reserved) -> Iterator[BinaryIO]:
        """A log to be written; durable when the block ends."""
        with (self._new / entry.file_name).open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())

    def finish(self, entry: Reserved, outcome: Outcome) -> Path:
        """Move the written log to the finished ones, then end the reservation; returns its place."""
        path = self._move_new(entry, self._finished(outcome))
        self.forget(entry)
        return path

    def finish_in_trouble(self, entry: Reserved, kind: TroubleKind) -> Path:
        """Keep the written log as evidence and let the package be given back."""
        path = self._move_new(entry, self._trouble)
        self.give_back(entry, kind)
        self._bound_trouble()
        return path

    def discard(self, entry: Reserved) -> None:
        """Throw the unfinished log away; the package stays reserved."""
        _remove(self._new / entry.file_name)

    def finished(self) -> list[Finished]:
        """All unsent logs: passes, then failures, then untestable ones; the oldest first."""
        return [
            Finished(outcome, entry.package, entry.version, path)
            for outcome in Outcome
            for path, entry in _by_age(self._finished(outcome))
        ]

    def sent(self, log: Finished) -> None:
        """The master has it and has said so."""
        _remove(log.path)

    def _finished(self, outcome: Outcome) -> Path:
        return self.directory / outcome.value

    def _move_new(self, entry: Reserved, directory: Path) -> Path:
        path = directory / entry.file_name
        (self._new / entry.file_name).rename(path)
        fsync_directory(directory)
        fsync_directory(self._new)
        return path

    def _bound_trouble(self) -> None:
        total = 0
        newest_first = reversed(list(_by_age(self._trouble)))
        for count, (path, _) in enumerate(newest_first, start=1):
            total += path.stat().st_size
            if count > _TROUBLE_FILES or (total > _TROUBLE_BYTES and count > 1):
                _remove(path)


def is_known(slaves: Path, section: SectionName, entry: Reserved) -> bool:
    """Whether any slave below this directory has the package in its hands, in whatever state."""
    states = ("new", "reserved", "give-back", *Outcome)
    return any((slave / section / state / entry.file_name).exists() for slave in slaves.iterdir() for state in states)


def _entries(directory: Path) -> Iterator[tuple[Path, Reserved]]:
    """The files of a directory whose names are those of logs; others are not ours and stay."""
    for path in sorted(directory.iterdir()):
        try:
            yield path, Reserved(*parse_log_name(path.name))
        except InvalidName:
            continue


def _by_age(directory: Path) -> list[tuple[Path, Reserved]]:
    return sorted(_entries(directory), key=lambda item: (item[0].stat().st_mtime_ns, item[1]))


def _touch(path: Path) -> None:
    path.touch()
    now = time.time_ns()
    os.utime(path, ns=(now, now))  # the kernel's own clock for files is too coarse to tell the order
    fsync_directory(path.parent)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    fsync_directory(path.parent)
