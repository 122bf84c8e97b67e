"""Talking to the master: one method a request, over any pair of byte streams."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

from piufarm.errors import FarmError
from piufarm.names import Package, SectionName, Version
from piufarm.protocol import NEED_DATA, Feature, Holdings, RemoteProtocolError, SlaveConnection
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    Error,
    Features,
    Hello,
    Idle,
    Lease,
    Ok,
    Recycle,
    Renew,
    Request,
    Reserve,
    Result,
    SelectSection,
    SlaveMessage,
    Status,
    Trouble,
    Unreserve,
)
from piufarm.slave.link.compression import compressed
from piufarm.slave.spool import Finished, Reserved
from piufarm.trouble import TroubleKind

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


class HungUp(FarmError):
    """The master has closed the connection instead of answering."""


class Held(NamedTuple):
    """What the master says is ours in a section, and for how long."""

    seconds: int
    entries: tuple[Reserved, ...]


class MasterSession:
    """A session in which the master has said hello. Every method raises FarmError when the session is over."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._protocol = SlaveConnection()
        self._ended = False
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

    @property
    def features(self) -> frozenset[Feature]:
        """What the master has said that it understands beyond the plain protocol."""
        return self._protocol.features

    def ask_features(self) -> None:
        """Ask for them, once a section was selected. Raises HungUp: a master that has none does that."""
        self._ask(Features())

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

    def lease(self, count: int) -> Held | None:
        """Get up to so many packages to test at once, if there are any."""
        reply = self._ask(Lease(count))
        return _held(reply) if isinstance(reply, Ok) else None

    def renew(self) -> Held:
        """Say that we still work on what is ours in this section, and hear what that is."""
        reply = self._ask(Renew())
        assert isinstance(reply, Ok)  # the protocol knows no other
        return _held(reply)

    def unreserve(self, entry: Reserved) -> None:
        """Give a package back."""
        self._ask(Unreserve(entry.package, entry.version))

    def status(self) -> str:
        """Packages per state, as the master words it, without the states that no package is in."""
        return " ".join(word for word in self._words(Status()) if not word.endswith("=0"))

    def deliver(self, log: Finished) -> None:
        """Send a result with its log; when this returns, the master has it safe."""
        self._send_with_log(Result(log.outcome, log.package, log.version), log.path)
        self._reply()

    def trouble(self, entry: Reserved, kind: TroubleKind, evidence: Path | None) -> None:
        """Give a package back whose test said nothing about it, with the log of it if there is one."""
        self._send_with_log(Trouble(entry.package, entry.version, kind), evidence)
        self._reply()

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _send_with_log(self, head: Result | Trouble, log: Path | None) -> None:
        if log is None:
            self._send(head)
        elif Feature.ZSTD in self.features:
            with compressed(log) as frame:
                if frame is None:
                    self._send_file(head, log)
                else:
                    self._send_stream(replace(head, compressed_bytes=frame[1]), frame[0])
        else:
            self._send_file(head, log)
        self._send(BodyEnd())

    def _send_file(self, head: Result | Trouble, log: Path) -> None:
        with log.open("rb") as stream:
            self._send_stream(head, stream)

    def _send_stream(self, head: Result | Trouble, stream: IO[bytes]) -> None:
        self._send(head)
        while data := stream.read(_PIECE):
            self._send(BodyChunk(data))

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
                    self._ended = True
                    self._protocol.receive_eof()
        except RemoteProtocolError as error:
            kind = HungUp if self._ended else FarmError
            raise kind(f"{error.message}{self._wire.complaint}", hint=error.hint) from error
        return event


def _held(reply: Ok) -> Held:
    holdings = Holdings.of(reply)
    return Held(holdings.seconds, tuple(Reserved(*package) for package in holdings.packages))
