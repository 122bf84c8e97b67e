"""The programs of the master that a campaign runs and kills, apart from sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final

from bench.killing import newcomers
from bench.killing.archive import ChangingArchive
from bench.killing.oracle import Oracle
from bench.killing.slaves import SECTION
from bench.killing.world import SID, World
from piufarm.names import Package, log_name
from piufarm.outcome import Outcome
from piufarm.store.errors import StoreError

SESSION: Final = "session"
_RECYCLED: Final = 3  # packages at a time
_IMPORTED: Final = 4  # results at a time


@dataclass
class Programs:
    """What each program is called with; asking for its words does what has to be done before it is started."""

    world: World
    archive: ChangingArchive
    older: Path  # the master directory of a piuparts installation
    oracle: Oracle
    chance: Random

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._words: Mapping[str, Callable[[], Sequence[str]]] = {
            "refresh": self._refresh,
            "evaluate": self._evaluate,
            "recycle": self._recycle,
            "fsck": lambda: ["fsck", "--repair"],
            "import": self._import,
        }

    @property
    def names(self) -> Sequence[str]:
        """All of them, sessions first."""
        return [SESSION, *newcomers.PROGRAMS, *self._words]

    def words(self, program: str) -> Sequence[str]:
        """The command line, without `piufarm master` and the configuration."""
        with self._lock:
            return self._words[program]()

    def _import(self) -> Sequence[str]:
        """An older farm beside ours goes on, and its new results are taken over."""
        for package, version in self.chance.sample(self.archive.packages(), _IMPORTED):
            outcome = self.chance.choice(list(Outcome))
            log = f"{package} {version} tested by an older farm, {self.chance.random()}\n".encode()
            path = self.older / SECTION / outcome / log_name(package, version)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(log)
                digest = sha256(log).hexdigest()
                self.oracle.imported[digest] = (package, version)
                self.oracle.logs.add(digest)
        return ["import", str(self.older)]

    def _refresh(self) -> Sequence[str]:
        self.archive.publish()
        return ["refresh"]

    def _evaluate(self) -> Sequence[str]:
        """There is something to compute: sessions that went before have done all the rest."""
        # while the server is down there is nothing to compute, and the target is tried again
        with suppress(StoreError), closing(self.world.open()) as store:
            store.queue_recycle(SID, self._tested(), now=datetime.now(UTC))
        self.world.kill_evaluators()
        return ["evaluate", "--linger", "0.5", SECTION]

    def _recycle(self) -> Sequence[str]:
        return ["recycle", *self._tested()]

    def _tested(self) -> Sequence[Package]:
        tested = sorted({sent.offer[0] for sent in list(self.oracle.acknowledged.values())})
        return self.chance.sample(tested, min(_RECYCLED, len(tested)))
