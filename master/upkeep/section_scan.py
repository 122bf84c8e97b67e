"""What lies in the folders of a section, looked at once: quick to compare with 75,000 rows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.master.layout import COMPRESSED, SectionFiles
from piufarm.names import log_name
from piufarm.store.model import Placement, Run

_LOG: Final = ".log"
_NOWHERE: Final = 0  # stands for the inode of a link that leads nowhere


class LogFile(NamedTuple):
    """A log at the moment of the look."""

    name: str
    inode: int
    size: int
    changed: float  # seconds since the epoch


@dataclass(frozen=True)
class SectionScan:
    """The logs of a section by run id, and what its classic folders show: file names with the inodes behind them."""

    logs: Mapping[str, LogFile]
    shown: Mapping[Placement, dict[str, int]]

    @cached_property
    def run_ids(self) -> Mapping[int, str]:
        """Run ids by inode of their logs."""
        return {log.inode: run_id for run_id, log in self.logs.items()}

    def has_whole_log(self, run: Run) -> bool:
        """Whether the log of a run is as long as it was when it came."""
        log = self.logs.get(run.run_id)
        return log is not None and log.size == run.log_bytes

    def shows(self, run: Run) -> bool:
        """Whether the log of a current run is seen at its place."""
        log = self.logs.get(run.run_id)
        return log is not None and self.shown[run.placement].get(log_name(run.package, run.version)) == log.inode

    def strike_out(self, run: Run, place: Placement) -> None:
        """Forget a name that a current run explains."""
        self.shown[place].pop(log_name(run.package, run.version), None)

    def names_left(self) -> Iterator[tuple[Placement, str]]:
        """Names in the classic folders that nothing has explained."""
        for placement, names in self.shown.items():
            for name in sorted(names):
                yield placement, name


def scan(files: SectionFiles) -> SectionScan:
    """Look at all logs of a section. Raises OSError."""
    return SectionScan(scan_runs(files), {placement: names_shown(files, placement) for placement in Placement})


def scan_runs(files: SectionFiles) -> Mapping[str, LogFile]:
    """The logs below runs/ by run id."""
    return {
        name.removesuffix(COMPRESSED).removesuffix(_LOG): log
        for name, log in _logs(files.runs, (_LOG, _LOG + COMPRESSED))
        if log.inode != _NOWHERE
    }


def names_shown(files: SectionFiles, placement: Placement) -> dict[str, int]:
    """The names of the logs in a classic folder, and the inodes behind them."""
    return {name: log.inode for name, log in _logs(files.root / placement)}


def _logs(folder: Path, suffixes: tuple[str, ...] = (_LOG,)) -> Iterator[tuple[str, LogFile]]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if entry.name.endswith(suffixes):
                try:
                    stat = entry.stat()
                except FileNotFoundError:
                    yield entry.name, LogFile(entry.name, _NOWHERE, 0, 0)
                else:
                    yield entry.name, LogFile(entry.name, stat.st_ino, stat.st_size, stat.st_mtime)
