"""Results of packages that left the archive or have another version there: history, unless they are newer than it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from piufarm.archive.versions import is_newer
from piufarm.master.layout import SectionFiles
from piufarm.master.results import classic
from piufarm.names import SectionName
from piufarm.store.model import Run, Store

_DATE_RESOLUTION: Final = timedelta(seconds=1)  # of the Date field of a Release file


@dataclass(frozen=True)
class Retirement:
    """Retiring what does not apply any more; `published_at` is when the archive's index was made, if it says so."""

    store: Store
    section: SectionName
    files: SectionFiles
    tell: Callable[[str], None]
    published_at: datetime | None

    def retire(self, now: datetime) -> int:
        """Do it; returns how many results became history.

        A mirror that has fallen back shows an older archive than the one that results came from: those stay.
        """
        stale = [run for run in self.store.runs_out_of_place(self.section) if self._is_older_than_the_archive(run, now)]
        if stale:
            self.store.retire(self.section, [run.run_id for run in stale])
        for run in stale:
            try:
                classic.retire(run, self.files)
            except OSError as error:
                self.tell(f"{error.filename}: {error.strerror} (`piufarm master fsck --repair` catches up)")
        return len(stale)

    def _is_older_than_the_archive(self, run: Run, now: datetime) -> bool:
        row = self.store.package(self.section, run.package)
        if row is None or run.version.is_disappearance or row.test_version.is_disappearance:
            return run.received_at < self._known_until(now)
        return run.received_at < now and not is_newer(run.version, row.test_version)

    def _known_until(self, now: datetime) -> datetime:
        """What came in later may come from a newer archive."""
        return now if self.published_at is None else min(now, self.published_at + _DATE_RESOLUTION)
