"""Where the files of a section lie below the master directory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.files import make_directory
from piufarm.names import Package, SectionName, Version, log_name
from piufarm.store.attempts import trouble_log
from piufarm.store.model import Placement, Run, run_log

CLASSIC_DIRECTORIES: Final = tuple(placement.value for placement in Placement)
ARCHIVE: Final = "archive"
COMPRESSED: Final = ".xz"  # ends the names of logs that another installation has put aside
TEMPORARY_PREFIX: Final = ".new-"  # of files that piufarm.files writes and has not finished


@dataclass(frozen=True)
class SectionFiles:
    """The folder of one section: `runs/` holds every log once, the classic folders show the current ones."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def trouble(self) -> Path:
        """The folder of the evidence of tests that said nothing about their package."""
        return self.root / "trouble"

    @property
    def recycle(self) -> Path:
        """The folder in which people and old jobs mark packages to be tested again, by links or empty files."""
        return self.root / "recycle"

    def trouble_log(self, run_id: str) -> Path:
        """Where the evidence of a trouble lies."""
        return self.root / trouble_log(run_id)

    @property
    def submissions(self) -> Path:
        return self.root / "submissions.txt"

    def run_log(self, run_id: str) -> Path:
        """Where a run's log lies."""
        return self.root / run_log(run_id)

    def log_of(self, run: Run) -> Path:
        """The same, also of a run whose log came compressed from another installation."""
        return self.root / run.log

    def classic(self, placement: Placement, package: Package, version: Version) -> Path:
        """Where people and other tools look for a current log."""
        return self.root / placement.value / log_name(package, version)

    def classic_of(self, run: Run) -> Path:
        """Where a current run's log is to be seen."""
        return self.classic(run.placement, run.package, run.version)

    def archived(self, run: Run) -> Path:
        """Where a retired run's log is to be seen."""
        suffix = COMPRESSED if run.log.endswith(COMPRESSED) else ""
        return self.root / ARCHIVE / run.placement.value / (log_name(run.package, run.version) + suffix)

    def prepare(self, folder: Path) -> Path:
        """A folder of logs, made durably if it is new: a crash must not lose it with the logs in it."""
        if not folder.is_dir():
            make_directory(folder)
        return folder

    def prepare_runs(self) -> Path:
        """The folder of the results' logs, ready to be used."""
        return self.prepare(self.runs)


def section_files(master_directory: Path, section: SectionName) -> SectionFiles:
    """The files of a section."""
    return SectionFiles(master_directory / section)


def inode_of(log: Path) -> int | None:
    """Identifies the log that a name leads to; None if it has gone, or is a link to nowhere."""
    try:
        return log.stat().st_ino
    except FileNotFoundError:
        return None


def changed_at(path: Path) -> float | None:
    """When a file was last changed, in seconds of the epoch; None if it has gone, as temporary files soon do."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return None


def sha256_of(log: Path) -> str:
    """The SHA-256 of a log of any size."""
    with log.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def index_cache(master_directory: Path) -> Path:
    """Where the master keeps the archive's indexes; no section can have this name."""
    return master_directory / ".cache" / "indexes"
