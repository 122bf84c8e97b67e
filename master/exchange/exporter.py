"""Writing a section as piuparts-master keeps it, so that it goes on with what is there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from piufarm.config.model import Section
from piufarm.counts_file import render_counts
from piufarm.master.exchange.importer import COUNTS
from piufarm.master.exchange.listing import RECYCLE, RESERVED
from piufarm.master.exchange.side_files import BUG, KPR, copy_side_file, kpr_text
from piufarm.master.layout import ARCHIVE, SectionFiles
from piufarm.names import log_name
from piufarm.progress import Progress, Ticker
from piufarm.store.model import Placement, Run, Standing, Store

_FOLDERS: Final = (*(placement.value for placement in Placement), RESERVED, RECYCLE)


@dataclass
class Exported:
    """What was written of a section."""

    results: int = 0
    history: int = 0
    reservations: int = 0
    retests: int = 0
    days: int = 0
    without_place: int = 0  # older results of a version and outcome of which piuparts keeps but one
    missing: list[str] = field(default_factory=list)  # logs that are not there


@dataclass
class SectionExport:
    """Writes one section into the folder `target`, which is new."""

    store: Store
    section: Section
    files: SectionFiles
    target: Path
    now: datetime
    progress: Progress
    done: Exported = field(default_factory=Exported)

    def run(self) -> Exported:
        """Do it. Raises StoreError, OSError."""
        for folder in _FOLDERS:
            (self.target / folder).mkdir(parents=True)
        for placement in Placement:
            (self.target / ARCHIVE / placement).mkdir(parents=True)
        self._write_logs(self.progress.section(self.section.name, sum(1 for _ in self.store.runs(self.section.name))))
        self._write_reservations()
        self._write_retests()
        copy_side_file(self.files.submissions, self.target / self.files.submissions.name)
        days = self.store.daily_counts(self.section.name)
        if days:
            (self.target / COUNTS).write_text(render_counts(days))
        self.done.days = len(days)
        return self.done

    def _write_logs(self, tick: Ticker) -> None:
        """Each current log in its place; of the others the newest of its kind, as piuparts has no room for more."""
        for run in self.store.runs(self.section.name):
            tick()
            is_current = run.standing is Standing.CURRENT
            target = self._classic(run) if is_current else self._archived(run)
            if target.exists():
                self.done.without_place += 1
            elif not self._copy(self.files.log_of(run), target):
                self.done.missing.append(f"{self.files.log_of(run)} ({run.package} {run.version}) is missing")
            elif is_current:
                self.done.results += 1
                self._write_side_files(run, target)
            else:
                self.done.history += 1

    def _classic(self, run: Run) -> Path:
        return self.target / self.files.classic_of(run).relative_to(self.files.root)

    def _archived(self, run: Run) -> Path:
        return self.target / self.files.archived(run).relative_to(self.files.root)

    def _copy(self, log: Path, target: Path) -> bool:
        """A copy and no link: jobs of piuparts compress logs where they lie, and gzip refuses links."""
        try:
            shutil.copyfile(log, target)
        except FileNotFoundError:
            return False
        shutil.copystat(log, target)
        return True

    def _write_side_files(self, run: Run, target: Path) -> None:
        shown = self.files.classic_of(run)
        for suffix in (KPR, BUG):
            copy_side_file(shown.with_suffix(suffix), target.with_suffix(suffix))
        problems = self.store.problems(run.run_id)
        if problems and not target.with_suffix(KPR).exists():
            target.with_suffix(KPR).write_text(kpr_text(target, problems))

    def _write_reservations(self) -> None:
        for held in self.store.reservations(self.section.name):
            if held.deadline > self.now:
                marker = self.target / RESERVED / log_name(held.package, held.version)
                marker.touch()
                os.utime(marker, (held.reserved_at.timestamp(),) * 2)
                self.done.reservations += 1

    def _write_retests(self) -> None:
        """Links in the order of the queue: piuparts-master goes by the times at which they were made."""
        for marked in self.store.recycle_queue(self.section.name):
            name = log_name(marked.package, marked.version)
            link = self.target / RECYCLE / name
            for placement in Placement:
                log = self.target / placement / name
                if log.exists():
                    link.hardlink_to(log)
                    break
            else:
                link.touch()
            self.done.retests += 1
