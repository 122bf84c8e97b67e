"""Comparing a section's rows with its files, and mending what differs. The rows are the truth, the files a view of it;
but logs that a person has moved to bugged/ or affected/ are taken at their place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from piufarm.master.exchange.section_lock import import_lock
from piufarm.master.layout import CLASSIC_DIRECTORIES, TEMPORARY_PREFIX, SectionFiles, changed_at, inode_of, sha256_of
from piufarm.master.results import classic
from piufarm.master.session.machine import utc_now
from piufarm.master.upkeep.evidence import damaged_evidence, unknown_evidence
from piufarm.master.upkeep.recycling import handmade_marks
from piufarm.master.upkeep.section_scan import SectionScan, names_shown, scan, scan_runs
from piufarm.names import SectionName, log_name
from piufarm.outcome import Outcome
from piufarm.store.model import Placement, Run, Standing, Store

# What a running session has not committed yet looks like a leftover; no session lasts as long as this.
_LEFTOVER_SECONDS: Final = 6 * 3600.0
# Where the log of a failure may be seen; a person moves it between them.
_PLACES_OF_FAILURES: Final = tuple(placement for placement in Placement if placement is not Placement.PASS)


@dataclass(frozen=True)
class Difference:
    """Something that is not as it should be; `mend` puts it right, `remedy` says how."""

    text: str
    remedy: str = ""
    mend: Callable[[], None] | None = None


@dataclass(frozen=True)
class Check:
    """A check of one section."""

    store: Store
    section: SectionName
    files: SectionFiles
    deep: bool = False  # read every log and compare its SHA-256

    def differences(self) -> Iterator[Difference]:
        """Everything that differs; mending one may be done while the next is looked for.

        One look at the folders is compared with the rows of one moment; what seems to differ is then looked at again
        by itself, because sessions go on meanwhile.
        """
        seen = scan(self.files)
        unknown = set(seen.logs)
        for run in self.store.runs(self.section):
            unknown.discard(run.run_id)
            if self.deep or not seen.has_whole_log(run):
                damage = self._damage(run)
                if damage is not None:
                    seen.strike_out(run, run.placement)
                    yield damage
                    continue
            if run.standing is Standing.CURRENT:
                yield from self._out_of_view(run, seen)
        yield from self._strangers(seen)
        yield from self.unfinished()
        yield from self._unacknowledged(unknown, seen)
        yield from map(Difference, damaged_evidence(self.store, self.section, self.files))
        yield from self.marked_by_hand()

    def marked_by_hand(self) -> Iterator[Difference]:
        """Packages that a person or another program wants to be tested again."""
        marks = handmade_marks(self.store, self.section, self.files, utc_now)
        yield from (Difference(mark.text, mark.remedy, mark.take_over) for mark in marks)

    def _out_of_view(self, run: Run, seen: SectionScan) -> Iterator[Difference]:
        if seen.shows(run):
            seen.strike_out(run, run.placement)
            return
        place = self._place(run)
        seen.strike_out(run, place)
        # a session may have put a newer result in its place by now
        yield from (found for found in self._view(run, place, seen) if self.store.run(run.run_id) == run)

    def _damage(self, run: Run) -> Difference | None:
        log = self.files.log_of(run)
        try:
            size = log.stat().st_size
        except FileNotFoundError:
            return self._missing(run, log)
        what = f"{log} ({run.package} {run.version})"
        if size != run.log_bytes:
            return self._lost(run, f"{what} has {size} bytes instead of {run.log_bytes}")
        if self.deep and sha256_of(log) != run.log_sha256:
            return self._lost(run, f"{what} has other content than was received")
        return None

    def _missing(self, run: Run, log: Path) -> Difference:
        what = f"{log} ({run.package} {run.version}) is missing"
        name = self.files.classic_of(run)
        if run.standing is Standing.CURRENT and name.is_file() and sha256_of(name) == run.log_sha256:
            return Difference(what, f"linked again from {name}", partial(classic.link_log, name, log))
        return self._lost(run, what)

    def _lost(self, run: Run, what: str) -> Difference:
        if run.standing is not Standing.CURRENT:
            return Difference(f"{what}; it is of an older result, and nothing brings it back")
        return Difference(what, "retired: the package is tested again", partial(self._retire, run))

    def _retire(self, run: Run) -> None:
        self.store.retire(self.section, [run.run_id])
        classic.retire(run, self.files)

    def _place(self, run: Run) -> Placement:
        """Where the log of a current run is seen: as its row says, unless a person has moved it."""
        log = self.files.run_log(run.run_id)
        if run.outcome is Outcome.PASS or classic.is_same_file(self.files.classic_of(run), log):
            return run.placement
        for placement in (Placement.BUGGED, Placement.AFFECTED, Placement(run.outcome.value)):
            if classic.is_same_file(self.files.classic(placement, run.package, run.version), log):
                return placement
        return run.placement

    def _view(self, run: Run, place: Placement, seen: SectionScan) -> Iterator[Difference]:
        name = self.files.classic(place, run.package, run.version)
        log = self.files.run_log(run.run_id)
        if place is not run.placement:
            yield self._moved(run, place)
        elif not name.exists():
            yield Difference(f"{name} is missing", "linked", partial(classic.link_log, log, name))
        elif not classic.is_same_file(name, log):
            if inode_of(name) in seen.run_ids:
                yield Difference(f"{name} shows an older log", "replaced", partial(classic.link_log, log, name))
            else:
                yield Difference(f"{name} is a file that the farm has not written; it hides the current log")

    def _moved(self, run: Run, place: Placement) -> Difference:
        return Difference(
            f"{self.files.classic_of(run)} was moved to {place}/",
            "taken over",
            partial(self.store.set_placement, run.run_id, place),
        )

    def moved(self) -> Iterator[Difference]:
        """Only the logs that a person has moved."""
        shown = {placement: names_shown(self.files, placement) for placement in _PLACES_OF_FAILURES}
        for run in self.store.runs(self.section, current_only=True, failed_only=True):
            name = log_name(run.package, run.version)
            if any(name in names for placement, names in shown.items() if placement is not run.placement):
                place = self._place(run)
                if place is not run.placement:
                    yield self._moved(run, place)

    def _strangers(self, seen: SectionScan) -> Iterator[Difference]:
        """Logs in the classic folders that no current result explains."""
        unknown = []
        for placement, text in seen.names_left():
            name = self.files.root / placement / text
            run = self._run_behind(name, seen.run_ids)
            if run is None:
                unknown.append(name)
            elif run.standing is Standing.RETIRED and name == self.files.classic_of(run):
                yield Difference(f"{name} is retired", "moved to archive/", partial(classic.retire, run, self.files))
            elif run.standing is not Standing.CURRENT or name != self.files.classic_of(run):
                yield Difference(f"{name} shows a log that is not current", "removed", name.unlink)
        # with what sessions have stored meanwhile
        known = {log.inode: run_id for run_id, log in scan_runs(self.files).items()} if unknown else {}
        for name in unknown:
            if os.path.lexists(name) and self._run_behind(name, known) is None:
                yield Difference(f"{name} is not in the store", "`--from-files` takes it over")

    def _run_behind(self, name: Path, known: Mapping[int, str]) -> Run | None:
        inode = inode_of(name)
        run_id = known.get(inode) if inode is not None else None
        return self.store.run(run_id) if run_id is not None else None

    def unfinished(self) -> Iterator[Difference]:
        """Files that a killed process left in the middle of writing."""
        oldest = time.time() - _LEFTOVER_SECONDS
        for directory in ("runs", "trouble", *CLASSIC_DIRECTORIES, "archive/*"):
            for name in sorted(self.files.root.glob(f"{directory}/{TEMPORARY_PREFIX}*")):
                changed = changed_at(name)
                if changed is not None and changed < oldest:
                    yield Difference(f"{name} was never finished", "removed", partial(name.unlink, missing_ok=True))

    def _unacknowledged(self, unknown: Iterable[str], seen: SectionScan) -> Iterator[Difference]:
        """Whole logs without a row: their sessions ended in between, and the slaves have sent them again."""
        oldest = time.time() - _LEFTOVER_SECONDS
        if self.store.is_held(import_lock(self.section)):
            unknown = ()  # some of them are about to get their rows
        for run_id in sorted(unknown):
            if seen.logs[run_id].changed < oldest and self.store.run(run_id) is None:
                yield self._never_acknowledged(self.files.runs / seen.logs[run_id].name)
        yield from map(self._never_acknowledged, unknown_evidence(self.store, self.files, oldest))

    def _never_acknowledged(self, log: Path) -> Difference:
        return Difference(f"{log} was never acknowledged", "moved to stray/", partial(_set_aside, log, self.files))


def _set_aside(log: Path, files: SectionFiles) -> None:
    target = files.root / "stray" / log.name
    target.parent.mkdir(exist_ok=True)
    log.rename(target)
