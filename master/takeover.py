"""Logs that are there as files only: of a store that was lost, or put there by other programs or by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from piufarm.files import fsync_directory
from piufarm.master import classic
from piufarm.master.intake import new_run_id
from piufarm.master.layout import SectionFiles, inode_of, sha256_of
from piufarm.names import InvalidName, SectionName, parse_log_name
from piufarm.outcome import Outcome
from piufarm.store.model import NewRun, Placement, Store


@dataclass(frozen=True)
class Takeover:
    """Entering a section's classic logs into the store, as far as it does not know them."""

    store: Store
    section: SectionName
    files: SectionFiles

    def take_over(self) -> Iterator[str]:
        """Do it; a sentence for each log, also for those that cannot be entered."""
        self.files.prepare_runs()
        run_ids = {inode_of(log): log.stem for log in self.files.runs.glob("*.log")}
        for name in self.files.classic_logs():
            inode = inode_of(name)
            run_id = run_ids.get(inode) if inode is not None else None
            if inode is None:
                yield f"{name} is left alone: it leads nowhere"
            elif run_id is None or self.store.run(run_id) is None:
                yield self._enter(name, Placement(name.parent.name), run_id)

    def _enter(self, name: Path, placement: Placement, run_id: str | None) -> str:
        try:
            package, version = parse_log_name(name.name)
        except InvalidName as error:
            return f"{name} is left alone: {error}"
        received_at = datetime.fromtimestamp(name.stat().st_mtime, UTC)
        if run_id is None:
            run_id = new_run_id(received_at)
            classic.link_log(name, self.files.run_log(run_id))
            fsync_directory(self.files.runs)
        outcome = Outcome.FAIL if placement in (Placement.BUGGED, Placement.AFFECTED) else Outcome(placement.value)
        recorded = self.store.record_run(
            self.section,
            NewRun(run_id, package, version, outcome, None, received_at, name.stat().st_size, sha256_of(name)),
        )
        if recorded.duplicate:  # the same log in two folders
            classic.link_log(self.files.run_log(recorded.run.run_id), name)
            self.files.run_log(run_id).unlink()
        if placement is not recorded.run.placement:
            self.store.set_placement(recorded.run.run_id, placement)
        return f"{name} is taken over as {recorded.run.standing}"
