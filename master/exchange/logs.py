"""Taking the logs of a section of piuparts over, many at a time; safe to interrupt and to repeat."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.faults import fault_point
from piufarm.files import atomic_writer, fsync_directory, sync_file_system
from piufarm.master.exchange.listing import FoundLog, Listing, Oddity
from piufarm.master.exchange.side_files import BUG, KPR, copy_side_file, problems_of
from piufarm.master.exchange.submissions import Submissions
from piufarm.master.layout import COMPRESSED, SectionFiles
from piufarm.master.results import classic
from piufarm.master.results.log_meter import LogMeter
from piufarm.master.upkeep.section_scan import scan_runs
from piufarm.names import SectionName, log_name
from piufarm.outcome import Outcome
from piufarm.store.model import Placement, Run, Standing, Store, run_log

_BATCH: Final = 1000  # logs that become durable together
_ROWS: Final = 100  # of them a transaction: some milliseconds, so that sessions hardly notice
_CHUNK: Final = 1 << 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Of several logs of a version a pass counts, else a failure, wherever it lies; of several of those the newest.
_PRECEDENCE: Final = (Placement.PASS, Placement.BUGGED, Placement.AFFECTED, Placement.FAIL, Placement.UNTESTABLE)


class TakenLog(NamedTuple):
    """What became of a log; without a run the store had it already."""

    found: FoundLog
    run: Run | None


class _Candidate(NamedTuple):
    """A log as it is to be entered, unless the store knows it."""

    found: FoundLog
    status: os.stat_result
    run_id: str
    received_at: datetime
    standing: Standing = Standing.CURRENT


@dataclass
class LogTakeover:
    """Takes the logs of a listing over into a section of ours.

    Where `in_place`, the listing is of the section's own folder: logs become ours by a link in runs/, and those that do
    not count move to archive/. Elsewhere they are copied, and nothing of theirs is touched.
    """

    store: Store
    section: SectionName
    files: SectionFiles
    listing: Listing
    submissions: Submissions
    in_place: bool
    _known: set[str] = field(default_factory=set)  # run ids
    _is_repeated: bool = False  # the section had results before
    _ours: dict[int, str] = field(default_factory=dict)  # run ids by inode, of logs that lie in runs/ already

    def take_over(self) -> Iterator[TakenLog]:
        """Do it; what has come out of here is durable. Raises StoreError, and OSError if nothing can be written."""
        self.files.prepare_runs()
        self._known = {run.run_id for run in self.store.runs(self.section)}
        self._is_repeated = bool(self._known)
        if self.in_place:
            self._ours = {log.inode: run_id for run_id, log in scan_runs(self.files).items()}
        batch: list[_Candidate] = []
        for logs in self.listing.versions():
            for candidate in self._candidates(logs):
                if candidate.run_id in self._known:
                    self._catch_up(candidate)
                    yield TakenLog(candidate.found, None)
                else:
                    batch.append(candidate)
            if len(batch) >= _BATCH:
                yield from self._enter(batch)
                batch = []
        yield from self._enter(batch)

    # what there is

    def _candidates(self, logs: Sequence[FoundLog]) -> Iterator[_Candidate]:
        """The logs of one version, those that count more first."""
        seen: dict[str, int] = {}
        is_first = True
        for candidate in sorted(filter(None, map(self._look_at, logs)), key=_weight):
            found, inode = candidate.found, candidate.status.st_ino
            if seen.setdefault(candidate.run_id, inode) != inode:  # times of copied files are often the same
                run_id = self._run_id(found, candidate.status, apart=f"{found.placement} {found.archived}")
                candidate = candidate._replace(run_id=run_id)
            if not (is_first and not found.archived):
                standing = Standing.RETIRED if is_first else Standing.SUPERSEDED
                candidate = candidate._replace(standing=standing)
            is_first = is_first and found.archived
            yield candidate

    def _look_at(self, found: FoundLog) -> _Candidate | None:
        try:
            status = found.path.lstat() if self.in_place else found.path.stat()
        except OSError as error:
            self._leave(found, "it leads nowhere" if found.path.is_symlink() else str(error.strerror))
            return None
        if not stat.S_ISREG(status.st_mode):
            self._leave(found, "it leads nowhere" if not found.path.exists() else "it is not a file")
            return None
        stem = log_name(found.package, found.version).removesuffix(".log")
        received_at = self.submissions.nearest(found.outcome, stem, status.st_mtime) or _mtime(status)
        return _Candidate(found, status, self._ours.get(status.st_ino) or self._run_id(found, status), received_at)

    def _run_id(self, found: FoundLog, status: os.stat_result, *, apart: str = "") -> str:
        """The same for the same log each time, wherever it has been moved meanwhile."""
        identity = f"{self.section} {found.package} {found.version} {found.outcome} {status.st_mtime_ns} {apart}"
        return f"{_mtime(status):%Y%m%dT%H%M%SZ}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"

    def _leave(self, found: FoundLog, reason: str) -> None:
        self.listing.oddities.append(Oddity(found.path, reason))

    # entering it

    def _enter(self, batch: Sequence[_Candidate]) -> Iterator[TakenLog]:
        """Files, then rows, then what people see: the order of the master's own results."""
        brought = [(candidate, run) for candidate in batch if (run := self._bring(candidate)) is not None]
        if not brought:
            return
        if self.in_place:
            fsync_directory(self.files.runs)
        else:
            sync_file_system(self.files.runs)
        fault_point("import.logs-durable")
        rows = iter(brought)
        while some := list(islice(rows, _ROWS)):
            problems = {run.run_id: problems_of(one.found.path) for one, run in some if not one.found.archived}
            entered = {
                run.run_id: run for run in self.store.enter_runs(self.section, [run for _, run in some], problems)
            }
            fault_point("import.rows-entered")
            for candidate, run in some:
                new = entered.pop(run.run_id, None)
                if new is None:
                    self._drop(candidate, run)
                else:
                    self._known.add(run.run_id)
                    self._show(candidate, new)
                    fault_point("import.shown")
                yield TakenLog(candidate.found, new)

    def _bring(self, candidate: _Candidate) -> Run | None:
        """Let the log lie in runs/; None if it cannot be read."""
        found = candidate.found
        log = run_log(candidate.run_id) + (COMPRESSED if found.is_compressed else "")
        try:
            source = found.path.open("rb", buffering=0)
        except OSError as error:
            self._leave(found, str(error.strerror))
            return None
        with source:
            meter = self._place(source, found.path, self.files.root / log)
        return Run(
            run_id=candidate.run_id,
            section=self.section,
            package=found.package,
            version=found.version,
            outcome=found.outcome,
            standing=candidate.standing,
            placement=found.placement,
            slave=None,
            received_at=candidate.received_at,
            log=log,
            log_bytes=meter.size,
            log_sha256=meter.sha256,
            seconds=meter.seconds,
        )

    def _place(self, source: FileIO, path: Path, target: Path) -> LogMeter:
        meter = LogMeter()
        if self.in_place:
            while chunk := source.read(_CHUNK):
                meter.feed(chunk)
            if not classic.is_same_file(target, path):
                classic.link_log(path, target)
            return meter
        with atomic_writer(target, durable=False) as stream:
            while chunk := source.read(_CHUNK):
                meter.feed(chunk)
                stream.write(chunk)
        return meter

    def _drop(self, candidate: _Candidate, run: Run) -> None:
        """The store has this very log: under its id, or as another run."""
        if self.store.run(run.run_id) is None:
            self.files.log_of(run).unlink()
        if self.in_place and not candidate.found.archived:
            candidate.found.path.unlink()

    # what is seen of it

    def _show(self, candidate: _Candidate, run: Run) -> None:
        path = candidate.found.path
        if run.standing is not Standing.CURRENT:
            target = self.files.archived(run)
            if path != target:
                classic.link_log(self.files.log_of(run), target)
                if self.in_place:
                    path.unlink()
                    path.with_suffix(KPR).unlink(missing_ok=True)  # which classifies a log at this place alone
        elif not self.in_place:
            classic.link_log(self.files.log_of(run), self.files.classic_of(run))
            for suffix in (KPR, BUG):
                copy_side_file(path.with_suffix(suffix), self.files.classic_of(run).with_suffix(suffix))
        if run.standing is Standing.CURRENT and self._is_repeated:
            self._hide_older(run)
        if not self.in_place:
            self._keep_time(candidate, run)

    def _hide_older(self, run: Run) -> None:
        """Take the links of what this run has superseded away."""
        others = (place for place in Placement if place is not run.placement)
        if any(self.files.classic(place, run.package, run.version).exists() for place in others):
            for old in self.store.runs(self.section, package=run.package):
                if old.version == run.version and old.standing is Standing.SUPERSEDED:
                    classic.hide(old, self.files, behind=run)

    def _keep_time(self, candidate: _Candidate, run: Run) -> None:
        """Only now, because fsck takes old files without a row for leftovers."""
        mtime = candidate.status.st_mtime_ns
        os.utime(self.files.log_of(run), ns=(mtime, mtime))

    def _catch_up(self, candidate: _Candidate) -> None:
        """Do what an import that was ended right after it had entered a log has left undone."""
        found = candidate.found
        name = self.files.classic(found.placement, found.package, found.version)
        if self.in_place or found.archived or name.exists():
            return
        run = self.store.run(candidate.run_id)
        if run is not None and run.standing is Standing.CURRENT and run.placement is found.placement:
            self._show(candidate, run)


def _weight(candidate: _Candidate) -> tuple[bool, int, float, int]:
    found = candidate.found
    age = -candidate.received_at.timestamp()
    return found.archived, list(Outcome).index(found.outcome), age, _PRECEDENCE.index(found.placement)


def _mtime(status: os.stat_result) -> datetime:
    return _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
