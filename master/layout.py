"""Where the files of a section lie below the master directory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.files import make_directory
from piufarm.names import Package, SectionName, Version, log_name
from piufarm.store.model import Placement, Run, run_log

CLASSIC_DIRECTORIES: Final = tuple(placement.value for placement in Placement)
TEMPORARY_PREFIX: Final = ".new-"  # of files that piufarm.files writes and has not finished


@dataclass(frozen=True)
class SectionFiles:
    """The folder of one section: `runs/` holds every log once, the classic folders show the current ones."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def submissions(self) -> Path:
        return self.root / "submissions.txt"

    def run_log(self, run_id: str) -> Path:
        """Where a run's log lies."""
        return self.root / run_log(run_id)

    def classic(self, placement: Placement, package: Package, version: Version) -> Path:
        """Where people and other tools look for a current log."""
        return self.root / placement.value / log_name(package, version)

    def classic_of(self, run: Run) -> Path:
        """Where a current run's log is to be seen."""
        return self.classic(run.placement, run.package, run.version)

    def archived(self, run: Run) -> Path:
        """Where a retired run's log is to be seen."""
        return self.root / "archive" / run.placement.value / log_name(run.package, run.version)

    def classic_logs(self) -> Iterator[Path]:
        """Every log in the classic folders."""
        for directory in CLASSIC_DIRECTORIES:
            yield from sorted(self.root.glob(f"{directory}/*.log"))

    def prepare_runs(self) -> Path:
        """The folder of the logs, made durably if it is new: a crash must not lose it with the logs in it."""
        if not self.runs.is_dir():
            make_directory(self.runs)
        return self.runs


def section_files(master_directory: Path, section: SectionName) -> SectionFiles:
    """The files of a section."""
    return SectionFiles(master_directory / section)


def inode_of(log: Path) -> int | None:
    """Identifies the log that a name leads to; None if it has gone, or is a link to nowhere."""
    try:
        return log.stat().st_ino
    except FileNotFoundError:
        return None


def sha256_of(log: Path) -> str:
    """The SHA-256 of a log of any size."""
    with log.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def index_cache(master_directory: Path) -> Path:
    """Where the master keeps the archive's indexes; no section can have this name."""
    return master_directory / ".cache" / "indexes"
