"""Which masters speak the plain protocol alone: one of piuparts hangs up when it is asked for more.

Each such question leaves a traceback on that master's disk, so the answer is remembered for a day, for all slaves of a
host: a small file per master in `<slave-directory>/masters/`. Where that cannot be read or written, because the disk is
full maybe, nothing is remembered and the master is asked each time: a slave that did not deliver then would never get
room again.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from piufarm.files import atomic_write
from piufarm.slave.link.route import Target

DIRECTORY_NAME: Final = "masters"  # in the slave's directory
REMEMBERED_SECONDS: Final = 86400.0


class Dialect(Enum):
    """What a master understands."""

    PLAIN = "plain"
    FEATURES = "features"


@dataclass(frozen=True)
class Dialects:
    """The memory; `directory` is made when it is needed, `clock` is in seconds since 1970."""

    directory: Path
    clock: Callable[[], float] = time.time

    def recall(self, target: Target) -> Dialect | None:
        """What a master was found to understand within the last day; None: nobody knows."""
        path = self._path(target)
        try:
            age = self.clock() - path.stat().st_mtime
            words = path.read_text(errors="replace").split()
        except OSError:
            return None
        known = [dialect for dialect in Dialect if words[:1] == [dialect.value]]
        return known[0] if known and 0 <= age < REMEMBERED_SECONDS else None

    def remember(self, target: Target, dialect: Dialect) -> None:
        """Keep it for a day."""
        who = f"{target.user}@{target.host}" if target.user else target.host
        with suppress(OSError):
            self.directory.mkdir(parents=True, exist_ok=True)
            atomic_write(self._path(target), f"{dialect.value} {who} {target.command}\n")

    def forget(self, target: Target) -> None:
        """It was not true."""
        with suppress(OSError):
            self._path(target).unlink()

    @contextmanager
    def finding_out(self, target: Target) -> Iterator[None]:
        """While the block runs, no other slave of this host asks this master: one question is enough."""
        with ExitStack() as cleanup:
            with suppress(OSError):
                self.directory.mkdir(parents=True, exist_ok=True)
                lock = cleanup.enter_context(self._path(target).with_suffix(".lock").open("ab"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _path(self, target: Target) -> Path:
        identity = "\0".join((target.host, target.user or "", target.command))
        return self.directory / hashlib.sha256(identity.encode()).hexdigest()[:16]
