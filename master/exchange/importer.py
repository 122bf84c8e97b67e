"""Taking a section of piuparts over: results, what is handed out, what waits for a retest, the counts of each day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from piufarm.config.model import Section
from piufarm.counts_file import BadLine, parse_counts
from piufarm.master.exchange.listing import RECYCLE, RESERVED, Listing, Marker, Oddity, markers
from piufarm.master.exchange.logs import LogTakeover
from piufarm.master.exchange.side_files import copy_side_file
from piufarm.master.exchange.submissions import Submissions, new_lines
from piufarm.master.layout import SectionFiles
from piufarm.master.results import classic
from piufarm.progress import Progress
from piufarm.store.model import Reservation, Standing, Store

COUNTS: Final = "counts.txt"
HISTORIES: Final = ("bts_stats.txt", "archive_issues.txt")  # of the farm as a whole, beside the sections


@dataclass
class Imported:
    """What was taken over of a section."""

    results: int = 0
    history: int = 0
    known: int = 0
    reservations: int = 0
    retests: int = 0
    days: int = 0
    left: int = 0


@dataclass
class SectionImport:
    """Takes one section over from the folder `source`, its own one if `in_place`; `tell` gets a line an oddity."""

    store: Store
    section: Section
    source: Path
    files: SectionFiles
    in_place: bool
    progress: Progress
    tell: Callable[[str], None]
    done: Imported = field(default_factory=Imported)

    def run(self) -> Imported:
        """Do it. Raises StoreError, and OSError if something cannot be read or written at all."""
        self._take_logs()
        if not self.in_place:
            self._take_submissions()
        self._take_reservations()
        self._take_retests()
        self._take_counts()
        return self.done

    def _take_logs(self) -> None:
        listing = Listing(self.source)
        submissions = Submissions.read(self.source / self.files.submissions.name, listing.stems())
        tick = self.progress.section(self.section.name, listing.total)
        takeover = LogTakeover(self.store, self.section.name, self.files, listing, submissions, self.in_place)
        for taken in takeover.take_over():
            tick()
            if taken.run is None:
                self.done.known += 1
            elif taken.run.standing is Standing.CURRENT:
                self.done.results += 1
            else:
                self.done.history += 1
        self._report(listing.oddities)

    def _take_submissions(self) -> None:
        theirs, ours = self.source / self.files.submissions.name, self.files.submissions
        if not copy_side_file(theirs, ours) and theirs.is_file() and (lines := new_lines(theirs, ours)):
            with ours.open("ab", buffering=0) as stream:
                stream.write(lines)

    def _take_reservations(self) -> None:
        found = list(self._markers(RESERVED))
        lasts = timedelta(seconds=self.section.reservation_timeout)
        reservations = []
        for marker in found:
            since = datetime.fromtimestamp(int(marker.path.lstat().st_mtime), UTC)
            name = self.section.name
            reservations.append(Reservation(name, marker.package, marker.version, None, since, since + lasts))
        self.done.reservations = self.store.enter_reservations(self.section.name, reservations)
        if self.in_place:
            for marker in found:
                marker.path.unlink()

    def _take_retests(self) -> None:
        """Links in recycle/ mean the same to us: the next refresh takes them over."""
        for marker in self._markers(RECYCLE):
            if not self.in_place and not self._link_retest(marker):
                continue
            self.done.retests += 1

    def _link_retest(self, marker: Marker) -> bool:
        current = next(
            (run for run in self.store.runs(self.section.name, package=marker.package, current_only=True)
             if run.version == marker.version), None,
        )  # fmt: skip
        queued_at = datetime.fromtimestamp(marker.path.lstat().st_ctime, UTC)
        if current is None or current.received_at > queued_at:
            return False  # nothing to test again, or that has been done
        classic.link_log(self.files.log_of(current), self.files.recycle / marker.path.name)
        return True

    def _markers(self, folder: str) -> Iterator[Marker]:
        oddities: list[Oddity] = []
        yield from markers(self.source / folder, oddities)
        self._report(oddities)

    def _report(self, oddities: Iterable[Oddity]) -> None:
        for oddity in oddities:
            self.done.left += 1
            self.tell(str(oddity))

    def _take_counts(self) -> None:
        path = self.source / COUNTS
        days = []
        try:
            with path.open(encoding="ascii", errors="replace") as stream:
                for found in parse_counts(stream):
                    if isinstance(found, BadLine):
                        self._report([Oddity(path, f"line {found.number} makes no sense: {found.text[:80]!a}")])
                    else:
                        days.append(found)
        except FileNotFoundError:
            return
        self.done.days = self.store.enter_daily_counts(self.section.name, days)
