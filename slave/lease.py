"""Until when the master keeps what a slave has reserved, and the thread that has this prolonged while tests run."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, NamedTuple, Self

from piufarm.errors import PiufarmError
from piufarm.files import atomic_write
from piufarm.slave.link.backoff import Backoff
from piufarm.slave.link.connection import Held

_RENEWED_AFTER: Final = 0.5  # of its time; the other half is for trouble with the connection
_RETRIED_AFTER: Final = 0.1  # of its time at most, after a failure
_SOONEST_SECONDS: Final = 1.0  # from one renewal to the next, whatever the master says
_JOIN_SECONDS: Final = 2.0  # a thread that is in the middle of talking is not waited for any longer

_ASKED: Final = "asked\n"


class Term(NamedTuple):
    """`seconds` long, and over at `until`, in seconds since 1970."""

    until: float
    seconds: int


@dataclass(frozen=True)
class Lease:
    """A file in the section's directory that says when the lease on all that is reserved there ends.

    It is written before the master is asked: where only that is in it, the reply was lost, and with it the names of
    packages that the master believes to be here.
    """

    path: Path
    clock: Callable[[], float] = time.time

    def term(self) -> Term | None:
        """None: what is reserved has no such end, a plain master has handed it out."""
        try:
            until, seconds = self.path.read_text().split()
            return Term(float(until), int(seconds))
        except (FileNotFoundError, ValueError):
            return None

    def ask(self) -> None:
        """The master is going to be asked."""
        atomic_write(self.path, _ASKED)

    def was_asked(self) -> bool:
        """Whether nobody knows what the master has answered."""
        try:
            return self.path.read_text(errors="replace") == _ASKED
        except FileNotFoundError:
            return False

    def begin(self, seconds: int, *, asked_at: float) -> None:
        """The master has promised so many seconds when it was asked at that time."""
        atomic_write(self.path, f"{asked_at + seconds:.3f} {seconds}\n", durable=False)

    def end(self) -> None:
        """Nothing is leased."""
        self.path.unlink(missing_ok=True)

    def seconds_to_renewal(self) -> float | None:
        """0 if it is due; None if nothing is leased."""
        term = self.term()
        if term is None:
            return None
        left = term.until - self.clock()
        if left > term.seconds + 1:  # the clock was set back: nobody knows
            return 0.0
        return max(0.0, left - term.seconds * _RENEWED_AFTER)

    def is_over(self) -> bool:
        """Whether the master may have handed everything to others."""
        term = self.term()
        return term is not None and self.clock() >= term.until


class Renewer:
    """Renews a lease in time while the block runs; who runs the block asks for `news` now and then.

    `renew` is called in a thread, over a connection of its own; it raises PiufarmError or OSError. An answer that comes
    after the block counts for nothing: by then the lease may be given up, or a new one asked for.
    """

    def __init__(self, lease: Lease, renew: Callable[[], Held], random_source: random.Random) -> None:
        self._lease = lease
        self._renew = renew
        self._backoff = Backoff(random_source)
        self._news: SimpleQueue[Held | PiufarmError | OSError] = SimpleQueue()
        self._stop = threading.Event()
        self._begun = threading.Lock()  # held while the lease is written, so that it is not after the block
        self._thread = threading.Thread(target=self._run, name="renewer", daemon=True)

    def __enter__(self) -> Self:
        if self._lease.term() is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._begun:
            self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def news(self) -> list[Held | PiufarmError | OSError]:
        """What has come of it since the last time, oldest first."""
        news = []
        while True:
            try:
                news.append(self._news.get_nowait())
            except Empty:
                return news

    def _run(self) -> None:
        delay = self._lease.seconds_to_renewal()
        while delay is not None and not self._stop.wait(delay):
            try:
                asked_at = self._lease.clock()
                held = self._renew()
                with self._begun:
                    if self._stop.is_set():
                        return
                    self._lease.begin(held.seconds, asked_at=asked_at)
                self._news.put(held)
                self._backoff.succeeded()
                left = self._lease.seconds_to_renewal()
                delay = None if left is None else max(left, _SOONEST_SECONDS)
            except (PiufarmError, OSError) as error:
                self._news.put(error)
                term = self._lease.term()
                retry = min(self._backoff.failed(), (term.seconds if term else 0) * _RETRIED_AFTER)
                delay = max(retry, _SOONEST_SECONDS)
