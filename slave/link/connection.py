"""Talking to the master: one method a request, over any pair of byte streams."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from piufarm.errors import FarmError
from piufarm.names import Package, SectionName, Version
from piufarm.protocol import NEED_DATA, RemoteProtocolError, SlaveConnection
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    Error,
    Hello,
    Idle,
    Ok,
    Recycle,
    Request,
    Reserve,
    Result,
    SelectSection,
    SlaveMessage,
    Status,
    Unreserve,
)
from piufarm.slave.link.backoff import Backoff
from piufarm.slave.link.route import Target
from piufarm.slave.spool import Finished, Reserved

_PIECE: Final = 1 << 18  # bytes of a log that are sent at a time


class Wire(Protocol):
    """A way to the master; piufarm.slave.link.ssh.SshWire is one. Its methods raise FarmError."""

    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    @property
    def complaint(self) -> str: ...
    def close(self) -> None: ...


class SectionBusy(FarmError):
    """The master maintains the section; it is open again in a moment."""


class SectionUnknown(FarmError):
    """The master has no such section."""


class NotYet(FarmError):
    """The last attempts to reach the master failed; it is too early for another one."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class MasterSession:
    """A session in which the master has said hello. Every method raises FarmError when the session is over."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._protocol = SlaveConnection()
        if not isinstance(self._next(), Hello):
            raise FarmError("the master does not greet")

    def select(self, section: SectionName) -> None:
        """Work in this section from now on. Raises SectionBusy, SectionUnknown."""
        match self._ask(SelectSection(section)):
            case Busy():
                raise SectionBusy(f"the master is busy with section {section}")
            case Error():
                raise SectionUnknown(
                    f"the master has no section {section}", hint="compare the sections in both piuparts.conf"
                )

    def recycle(self) -> bool:
        """Ask for packages that are to be tested again; False if there are none."""
        return isinstance(self._ask(Recycle()), Ok)

    def idle(self) -> int:
        """Seconds for which the master expects to have nothing to test."""
        return int(self._words(Idle())[0])

    def reserve(self) -> Reserved | None:
        """Get a package to test, if there is one."""
        reply = self._ask(Reserve())
        return Reserved(Package(reply.words[0]), Version(reply.words[1])) if isinstance(reply, Ok) else None

    def unreserve(self, entry: Reserved) -> None:
        """Give a package back."""
        self._ask(Unreserve(entry.package, entry.version))

    def status(self) -> str:
        """Packages per state, as the master words it, without the states that no package is in."""
        return " ".join(word for word in self._words(Status()) if not word.endswith("=0"))

    def deliver(self, log: Finished) -> None:
        """Send a result with its log; when this returns, the master has it safe."""
        self._send(Result(log.outcome, log.package, log.version))
        with log.path.open("rb") as stream:
            while data := stream.read(_PIECE):
                self._send(BodyChunk(data))
        self._send(BodyEnd())
        self._reply()

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _ask(self, request: Request) -> Ok | Error | Busy:
        self._send(request)
        return self._reply()

    def _words(self, request: Request) -> tuple[str, ...]:
        reply = self._ask(request)
        return reply.words if isinstance(reply, Ok) else ()

    def _reply(self) -> Ok | Error | Busy:
        event = self._next()
        if isinstance(event, Ok | Error | Busy):
            return event
        raise FarmError("the master has hung up")

    def _send(self, message: SlaveMessage) -> None:
        self._wire.write(self._protocol.send(message))

    def _next(self) -> object:
        try:
            while (event := self._protocol.next_event()) is NEED_DATA:
                data = self._wire.read()
                if data:
                    self._protocol.receive(data)
                else:
                    self._protocol.receive_eof()
        except RemoteProtocolError as error:
            raise FarmError(f"{error.message}{self._wire.complaint}", hint=error.hint) from error
        return event


@dataclass
class _Attempts:
    """How the attempts to reach one master went."""

    backoff: Backoff
    not_before: float = 0.0


@dataclass
class Masters:
    """Sessions with masters: one at a time, shared by all sections, opened when needed and closed before tests."""

    connect: Callable[[Target], Wire]
    announce: Callable[[str], None] = lambda _: None
    random_source: random.Random = field(default_factory=random.Random)
    clock: Callable[[], float] = time.monotonic
    _target: Target | None = None
    _session: MasterSession | None = None
    _attempts: dict[Target, _Attempts] = field(default_factory=dict)

    def session(self, target: Target) -> MasterSession:
        """An open session with this master. Raises FarmError; after a failure NotYet, for longer each time."""
        if self._session is not None and self._target == target:
            return self._session
        self.close()
        attempts = self._attempts.setdefault(target, _Attempts(Backoff(self.random_source)))
        left = attempts.not_before - self.clock()
        if left > 0:
            raise NotYet(f"{target.host} could not be reached; next attempt in {left:.0f} s", left)
        try:
            self._session = self._open(target)
        except FarmError:
            attempts.not_before = self.clock() + attempts.backoff.failed()
            raise
        attempts.backoff.succeeded()
        self._target = target
        return self._session

    def _open(self, target: Target) -> MasterSession:
        self.announce(f"connecting to {target.host}")
        wire = self.connect(target)
        try:
            return MasterSession(wire)
        except BaseException:
            wire.close()
            raise

    def close(self) -> None:
        """Hang up; it is always safe."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
