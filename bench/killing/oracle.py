"""What the slaves know: which results were acknowledged, which packages they hold. The master has to agree with it."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import Holdings

Offer = tuple[Package, Version]


class Sent(NamedTuple):
    """A result as a slave has it in its spool."""

    slave: str
    outcome: Outcome
    offer: Offer
    log: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.log).hexdigest()


class Promise(NamedTuple):
    """A package that a slave was given, and until when it certainly is the slave's: the master's clock may be later."""

    slave: str
    until: float  # seconds since the epoch


@dataclass
class Oracle:
    """Kept by the clients' side, from replies alone; any number of threads use it."""

    reservation_seconds: float
    acknowledged: dict[str, Sent] = field(default_factory=dict)  # by SHA-256: all logs differ
    logs: set[str] = field(default_factory=set)  # SHA-256 of all that was ever begun to be sent
    imported: dict[str, Offer] = field(default_factory=dict)  # logs of an older farm, by SHA-256
    evidence: dict[str, Offer] = field(default_factory=dict)  # acknowledged evidence of trouble, by SHA-256
    violations: list[str] = field(default_factory=list)
    _promises: dict[Offer, Promise] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sending(self, sent: Sent) -> None:
        """A result is about to go out, and the package is not worked on any more, whatever becomes of it."""
        with self._lock:
            self.logs.add(sent.sha256)
            self._release(sent.slave, sent.offer)

    def acknowledge(self, sent: Sent) -> None:
        """`ok` was read."""
        with self._lock:
            self.acknowledged[sent.sha256] = sent

    def granted(self, slave: str, offer: Offer, asked_at: float) -> None:
        """A plain reservation was read, asked for at that time."""
        self._grant(slave, offer, Promise(slave, asked_at + self.reservation_seconds))

    def leased(self, slave: str, holdings: Holdings, asked_at: float) -> None:
        """A lease was read."""
        for offer in holdings.packages:
            self._grant(slave, offer, Promise(slave, asked_at + holdings.seconds))

    def renewed(self, slave: str, holdings: Holdings, asked_at: float) -> None:
        """What the master says the slave holds; all else it has lost."""
        with self._lock:
            for offer in [offer for offer, promise in self._promises.items() if promise.slave == slave]:
                if offer not in holdings.packages:
                    del self._promises[offer]
        self.leased(slave, holdings, asked_at)

    def released(self, slave: str, offer: Offer) -> None:
        """The slave gives the package back."""
        with self._lock:
            self._release(slave, offer)

    def held(self, slave: str) -> list[Offer]:
        """What a slave believes to hold."""
        with self._lock:
            return [offer for offer, promise in self._promises.items() if promise.slave == slave]

    def held_by_others(self, slave: str) -> list[Offer]:
        """What the other slaves believe to hold."""
        with self._lock:
            return [offer for offer, promise in self._promises.items() if promise.slave != slave]

    def _grant(self, slave: str, offer: Offer, promise: Promise) -> None:
        with self._lock:
            before = self._promises.get(offer)
            if before is not None and before.slave != slave and before.until > time.time():
                self.violations.append(f"{' '.join(offer)}: given to {slave} while {before.slave} held it")
            self._promises[offer] = promise

    def _release(self, slave: str, offer: Offer) -> None:
        promise = self._promises.get(offer)
        if promise is not None and promise.slave == slave:
            del self._promises[offer]
