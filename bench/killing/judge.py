"""Whether the master has kept its promises: looked at between two batches of kills, with nobody at work."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

from bench.killing.oracle import Oracle
from bench.killing.world import SID, World
from piufarm.master.layout import sha256_of
from piufarm.master.states.evaluation import evaluate
from piufarm.names import Package
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Run, Snapshot, Standing, Store
from piufarm.store.sql.store import SqlStore

_OLD_SECONDS: Final = 7 * 3600  # older than fsck takes a running session to be
_NOTHING_KNOWN: Final = ComputedState(PackageState.UNKNOWN, "")
# What a kill may leave for `fsck --repair` by docs/store.md; anything else that it finds is a broken promise.
_TO_BE_MENDED: Final = (
    "linked", "replaced", "removed", "moved to archive/", "moved to stray/", "linked again",
)  # fmt: skip


@dataclass
class Judge:
    """Looks at one world; what it finds wrong is a sentence."""

    world: World
    oracle: Oracle
    older: Path  # what is imported
    mended: Counter[str] = field(default_factory=Counter)  # what fsck --repair had to do, by remedy
    _whole: set[tuple[int, int]] = field(default_factory=set)  # logs that were looked at: inode, modification time

    def problems(self) -> Iterator[str]:
        """Everything that is wrong. The master is brought up to date by its own commands first."""
        yield from self.oracle.violations
        self.oracle.violations.clear()
        yield from self._partial_logs()
        yield from self._imported()
        yield from self._first_fsck()
        yield from self._second_fsck()
        yield from self._evaluated()
        store = self.world.open()
        try:
            yield from self._lost(store)
            yield from self._lost_evidence(store)
            yield from self._free(store)
            yield from self._states(store)
        finally:
            store.close()

    def _partial_logs(self) -> Iterator[str]:
        """Every log that can be seen is one that a slave sent, to its last byte."""
        for log in self.world.files.root.rglob("*.log"):
            if log.name == "master.log":
                continue
            status = log.stat()
            key = (status.st_ino, status.st_mtime_ns)
            if key not in self._whole:
                if sha256_of(log) not in self.oracle.logs:
                    yield f"{log} is no log that a slave has sent"
                self._whole.add(key)

    def _imported(self) -> Iterator[str]:
        """An import that was killed is repeated until it is through."""
        if self.older.is_dir():
            status, said = self.world.run("import", self.older)
            if status != 0:
                yield f"import ({status}): {said}"

    def _first_fsck(self) -> Iterator[str]:
        """Only what a kill may leave; old enough to be mended at once."""
        past = time.time() - _OLD_SECONDS
        for leftover in self.world.files.root.rglob(".new-*"):
            os.utime(leftover, (past, past))
        for log in chain(self.world.files.runs.glob("*.log"), self.world.files.trouble.glob("*.log")):
            os.utime(log, (past, past))
            self._whole.add((log.stat().st_ino, log.stat().st_mtime_ns))
        _, said = self.world.run("fsck", "--repair", "--deep")
        for line in said.splitlines():
            remedy = line.rpartition(": ")[2]
            if remedy.startswith(_TO_BE_MENDED):
                self.mended[remedy.partition(" from ")[0]] += 1
            elif not line.startswith(f"{SID}: "):
                yield f"fsck: {line}"

    def _second_fsck(self) -> Iterator[str]:
        status, said = self.world.run("fsck", "--deep")
        if status != 0 or said != f"{SID}: clean\n":
            yield f"fsck is not clean after --repair ({status}): {said}"

    def _evaluated(self) -> Iterator[str]:
        self.world.kill_evaluators()
        status, said = self.world.run("evaluate")
        if status != 0 or "being evaluated" in said:
            yield f"evaluate ({status}): {said}"

    def _lost(self, store: Store) -> Iterator[str]:
        """Whether each acknowledged result is there, as it was sent; and one result at most is current."""
        stored = list(store.runs(SID))
        known = {(run.log_sha256, run.slave, run.outcome, run.package, run.version) for run in stored}
        hashes = {run.log_sha256 for run in stored}
        yield from (
            f"not taken over: {' '.join(what)}" for sha256, what in self.oracle.imported.items() if sha256 not in hashes
        )
        for sha256, sent in self.oracle.acknowledged.items():
            if (sha256, sent.slave, sent.outcome, *sent.offer) not in known:
                yield f"lost: {sent.outcome} {' '.join(sent.offer)} of {sent.slave}"
        current = Counter((run.package, run.version) for run in stored if run.standing is Standing.CURRENT)
        yield from (f"{count} current results of {' '.join(what)}" for what, count in current.items() if count > 1)
        yield from (f"{run.run_id} is no log that was sent" for run in stored if not self._was_sent(run))

    def _lost_evidence(self, store: Store) -> Iterator[str]:
        logs = [self.world.files.root / trouble.log for trouble in store.troubles(SID) if trouble.log is not None]
        known = {sha256_of(log) for log in logs}
        for sha256, offer in self.oracle.evidence.items():
            if sha256 not in known:
                yield f"lost: evidence of trouble with {' '.join(offer)}"

    def _free(self, store: Store) -> Iterator[str]:
        """Whether each package can be handed out unless somebody has it, or it is held back."""
        assert isinstance(store, SqlStore)
        taken = {(held.package, held.version) for held in store.reservations(SID)}
        taken |= {(hold.package, hold.version) for hold in store.holds(SID)}
        with store._database.read() as cursor:
            rows = cursor.execute(
                "SELECT p.name, p.test_version, p.free FROM package AS p JOIN section AS s ON s.id = p.section_id"
                " AND s.generation = p.generation WHERE s.name = :section",
                {"section": SID},
            ).fetchall()
        for name, version, free in rows:
            if bool(free) is ((name, version) in taken):
                yield f"{name} {version} is {'free' if free else 'not free'}, which is wrong"

    def _was_sent(self, run: Run) -> bool:
        return run.log_sha256 in self.oracle.logs

    def _states(self, store: Store) -> Iterator[str]:
        """Whether the states are those that a computation from nothing but the results comes to."""
        found = store.snapshot(SID)
        forgetful = Snapshot(**{
            **vars(found), "nodes": [node._replace(stored=_NOTHING_KNOWN) for node in found.nodes]
        })
        computed = evaluate(forgetful)
        for node in found.nodes:
            is_, ought = node.stored, computed.get(Package(node.name), _NOTHING_KNOWN)
            if node.listed and (is_.state, is_.reason) != (ought.state, ought.reason):
                yield f"{node.name} is {is_.state} ({is_.reason}), not {ought.state} ({ought.reason})"
        if store.evaluation_due(SID):
            yield "an evaluation is outstanding that nobody does"


def said_by(world: World) -> str:
    """The end of what the programs had to say, for a report of what went wrong."""
    said = Path(world.directory / "said")
    return said.read_text(errors="replace")[-3000:] if said.exists() else ""
