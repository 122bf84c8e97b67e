"""Slaves whose sessions are killed: they keep what was not acknowledged and send it again, as real ones do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Final

from bench.killing.oracle import Offer, Oracle, Sent
from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import Feature, RemoteProtocolError
from piufarm.protocol.messages import Ok
from piufarm.trouble import TroubleKind
from tests.support.scripted_slave import ScriptedSlave, Stream

SECTION: Final = "sid"
_LARGEST_LOG: Final = 300_000
_KINDS: Final = [kind for kind in TroubleKind if kind is not TroubleKind.LOST]
_PAUSE_SECONDS: Final = 0.01  # at most, between two pieces of a log


@dataclass
class Slave:
    """One slave; `featured` ones know more than the plain protocol. `chance` decides everything that it does."""

    name: str
    featured: bool
    oracle: Oracle
    chance: Random
    spool: list[Sent] = field(default_factory=list)  # not acknowledged yet
    _logs: int = 0
    _aim: str = ""

    def turn(self, open_stream: Callable[[], Stream], aim: str) -> None:
        """One session, as far as it gets; it does what leads to the fault point `aim` sooner than anything else."""
        stream = open_stream()
        self._aim = aim
        try:
            self._speak(ScriptedSlave(_Slow(stream, self.chance)))
        except (RemoteProtocolError, OSError):
            pass  # the session was killed: what is not acknowledged stays in the spool
        finally:
            stream.close()

    def _speak(self, session: ScriptedSlave) -> None:
        if not session.select(SECTION, features=self.featured):
            return
        for sent in list(self.spool):
            self._send(session, sent)
        if Feature.LEASE in session.script.features:
            asked_at = time.time()
            self.oracle.renewed(self.name, session.renew(), asked_at)
        if self.chance.random() < 0.4 or self._aim == "reserve.result-given-up":
            session.recycle()
        self._take(session)
        held = self.oracle.held(self.name)
        self.chance.shuffle(held)
        for offer in held[:4]:
            self._finish(session, offer)
        self._meddle(session)
        self._take(session)
        session.idle()
        session.status()

    def _take(self, session: ScriptedSlave) -> None:
        for _ in range(self.chance.randint(1, 2)):
            asked_at = time.time()
            if Feature.LEASE in session.script.features and self.chance.random() < 0.7:
                holdings = session.lease(self.chance.randint(1, 4))
                if holdings is not None:
                    self.oracle.leased(self.name, holdings, asked_at)
            else:
                offer = session.reserve()
                if offer is not None:
                    self.oracle.granted(self.name, offer, asked_at)

    def _finish(self, session: ScriptedSlave, offer: Offer) -> None:
        dice = self.chance.random()
        if self._aim.startswith("unreserve."):
            dice = 0.0
        elif "trouble" in self._aim:
            dice = 0.15 + dice * 0.2
        if dice < 0.15:
            self.oracle.released(self.name, offer)
            session.unreserve(offer)
        elif dice < 0.35 and Feature.TROUBLE in session.script.features:
            self.oracle.released(self.name, offer)
            log = self._log(offer)
            self.oracle.logs.add(sha256(log).hexdigest())
            session.trouble(offer, self.chance.choice(_KINDS), log, compress=dice < 0.25)
            self.oracle.evidence[sha256(log).hexdigest()] = offer
        else:
            self._send(session, self._result(offer))

    def _meddle(self, session: ScriptedSlave) -> None:
        """What a slave may do though nobody asked for it: send again, report what others hold, or nobody."""
        if self.oracle.acknowledged and self.chance.random() < 0.5:
            mine = [sent for sent in list(self.oracle.acknowledged.values()) if sent.slave == self.name]
            if mine:
                self._send(session, self.chance.choice(mine[-5:]))
        foreign = self.oracle.held_by_others(self.name)
        if foreign and (self.chance.random() < 0.5 or self._aim in ("run.superseded", "classic.older-hidden")):
            self._send(session, self._result(self.chance.choice(foreign)))
        if self.chance.random() < 0.1:
            self._send(session, self._result((Package(f"unheard-of-{self.chance.randrange(50)}"), Version("1"))))

    def _result(self, offer: Offer) -> Sent:
        outcome = self.chance.choices(list(Outcome), (8, 1, 1))[0]
        return Sent(self.name, outcome, offer, self._log(offer))

    def _send(self, session: ScriptedSlave, sent: Sent) -> None:
        if sent not in self.spool:
            self.spool.append(sent)
        self.oracle.sending(sent)
        compress = Feature.ZSTD in session.script.features and len(sent.log) % 2 == 0
        reply = session.report(sent.outcome, sent.offer, sent.log, compress=compress)
        assert isinstance(reply, Ok), reply  # there is no other answer to a result
        self.oracle.acknowledge(sent)
        self.spool.remove(sent)

    def _log(self, offer: Offer) -> bytes:
        """A log like no other."""
        self._logs += 1
        head = f"{' '.join(offer)} tested by {self.name}, log {self._logs}\n".encode()
        size = int(self.chance.random() ** 3 * _LARGEST_LOG)
        line = b"%s\n" % self.chance.randbytes(30).hex().encode()
        return head + line * (size // len(line))


@dataclass
class _Slow:
    """A stream that is not always ready at once, so that a log takes its time."""

    stream: Stream
    chance: Random

    def read(self) -> bytes:
        return self.stream.read()

    def write(self, data: bytes) -> None:
        self.stream.write(data)
        if self.chance.random() < 0.5:
            time.sleep(self.chance.random() * _PAUSE_SECONDS)

    def close(self) -> None:
        self.stream.close()
