"""The programs of the master that a campaign runs and kills, apart from sessions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from bench.killing.archive import ChangingArchive
from bench.killing.oracle import Oracle

SESSION: Final = "session"
_RECYCLED: Final = 3  # packages at a time


@dataclass
class Programs:
    """What each program is called with; asking for its words does what has to be done before it is started."""

    archive: ChangingArchive
    oracle: Oracle
    chance: Random

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._words: Mapping[str, Callable[[], Sequence[str]]] = {
            "refresh": self._refresh,
            "evaluate": lambda: ["evaluate"],
            "recycle": self._recycle,
            "fsck": lambda: ["fsck", "--repair"],
        }

    @property
    def names(self) -> Sequence[str]:
        """All of them, sessions first."""
        return [SESSION, *self._words]

    def words(self, program: str) -> Sequence[str]:
        """The command line, without `piufarm master` and the configuration."""
        with self._lock:
            return self._words[program]()

    def _refresh(self) -> Sequence[str]:
        self.archive.publish()
        return ["refresh"]

    def _recycle(self) -> Sequence[str]:
        tested = sorted({sent.offer[0] for sent in list(self.oracle.acknowledged.values())})
        return ["recycle", *self.chance.sample(tested, min(_RECYCLED, len(tested)))]
