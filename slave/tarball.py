"""Base tarballs: made when they are missing, made anew when they are old, by the section's own test command."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from piufarm.config.distros import base_tarball_name
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError
from piufarm.files import fsync_directory
from piufarm.run import run
from piufarm.slave.job.command_line import CommandLine
from piufarm.slave.job.logfile import LogWriter
from piufarm.slave.job.testrun import DEFAULT_PATIENCE, Exit, Patience, StopSource, run_test
from piufarm.slave.job.verdict import Ending
from piufarm.trouble import TroubleKind

_DAY: Final = 86400.0
_MERGED_USR: Final = "--merged-usr"


class NoBase(FarmError):
    """There is nothing that a test could start from."""

    usual_kind = TroubleKind.CHROOT


@dataclass(frozen=True)
class TarballKeeper:
    """Sees to the base of one section."""

    section: Section
    commands: CommandLine
    configuration: Configuration
    stop: StopSource
    announce: Callable[[str], None] = lambda _: None
    patience: Patience = DEFAULT_PATIENCE

    @property
    def path(self) -> Path:
        """Where the tarball is, or is going to be."""
        name = self.section.chroot_tgz or base_tarball_name(
            self.commands.distros,
            self.commands.base_distro,
            arch=self.section.arch,
            merged_usr=_MERGED_USR in self.section.piuparts_flags,
        )
        return self.section.basetgz_directory / name

    @property
    def log(self) -> Path:
        """The log of the last attempt to make it."""
        return self.path.with_name(self.path.name + ".log")

    def ensure(self) -> None:
        """Make the tarball if it is missing or too old. Raises NoBase if there is none then; an old one will do."""
        if self.commands.uses_schroot:
            self._check_schroot()
            return
        if self._due():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            before = _modified(self.path)
            with _locked(self.log) as log:
                if log is not None and _modified(self.path) == before:  # else another slave has just made it
                    self._make(log)
        self.check_present()

    def check_present(self) -> None:
        """Raises NoBase if the tarball is not there."""
        if not self.commands.uses_schroot and not self.path.exists():
            raise NoBase(f"there is no base tarball {self.path}", hint=f"see {self.log}")

    def next_check_seconds(self) -> float:
        """When to look again, from now on."""
        age = _age(self.path)
        limit = self.section.max_tgz_age
        if limit <= 0 or age is None:
            return _DAY
        return max(limit - age, self.section.min_tgz_retry_delay - (_age(self.log) or 0.0), 0.0)

    def _due(self) -> bool:
        limit, age = self.section.max_tgz_age, _age(self.path)
        if limit < 0:
            return False
        if age is None:
            return True
        last_attempt = _age(self.log)
        recently = last_attempt is not None and last_attempt < self.section.min_tgz_retry_delay
        return limit > 0 and age > limit and not recently

    def _make(self, log: BinaryIO) -> None:
        new = self.path.with_name(self.path.name + ".new")
        new.unlink(missing_ok=True)
        self.announce(f"making {self.path}")
        started = time.monotonic()
        try:
            end = self._run(log, self.commands.tarball(new))
            if end.status == 0 and end.ending is Ending.ITSELF and new.exists():
                new.replace(self.path)
                fsync_directory(self.path.parent)
                self.announce(f"made {self.path} in {time.monotonic() - started:.0f} s")
                return
        finally:
            new.unlink(missing_ok=True)
        self.announce(f"could not make {self.path}, see {self.log}")

    def _run(self, log: BinaryIO, command: tuple[str, ...]) -> Exit:
        log.truncate(0)
        writer = LogWriter(log)
        writer.start("\n")
        writer.executing(command)
        env = self.commands.environment(self.configuration)
        end = run_test(command, writer.output, env=env, stop=self.stop, patience=self.patience)
        writer.end_of_output()
        writer.finish(end.status)
        return end

    def _check_schroot(self) -> None:
        name = self.commands.schroot
        if run(["schroot", "--info", "--chroot", f"chroot:{name}"], check=False).status != 0:
            raise NoBase(
                f"there is no schroot called {name}", hint="as root: piufarm slave setup-schroot (see its --help)"
            )


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _age(path: Path) -> float | None:
    """Seconds since a file was last written; None if it does not exist."""
    modified = _modified(path)
    return None if modified is None else time.time() - modified


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO | None]:
    """The log of the making, locked; None if another slave is at it. Nothing is written before the lock is held."""
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield stream
