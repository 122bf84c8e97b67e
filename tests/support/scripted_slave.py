"""A slave that does what a script says: both dialects, over any byte stream or none.

`Script` is pure: bytes to send come out, bytes received go in. `ScriptedSlave` drives one over a stream that blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import NEED_DATA, PAUSED, Feature, Holdings, SlaveConnection
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    EndOfSession,
    Features,
    Hello,
    Idle,
    Lease,
    Ok,
    Recycle,
    Renew,
    Reply,
    Request,
    Reserve,
    Result,
    SelectSection,
    Status,
    Trouble,
    Unreserve,
    Why,
)
from piufarm.trouble import TroubleKind

Offer = tuple[Package, Version]


class Script:
    """One end of a session as bytes; what the master must never say is an AssertionError or a RemoteProtocolError."""

    def __init__(self) -> None:
        self._connection = SlaveConnection(escape_invalid_utf8=False)
        self._greeted = False

    @property
    def features(self) -> frozenset[Feature]:
        """What the master has said that it understands."""
        return self._connection.features

    def say(self, request: Request) -> bytes:
        """The bytes of a request that no log follows."""
        assert not isinstance(request, Result | Trouble), request
        return self._connection.send(request)

    def say_with_log(self, head: Result | Trouble, log: bytes, *, compress: bool = False) -> Iterator[bytes]:
        """The bytes of a request and of its log, in a few pieces: who stops between two has died in the middle."""
        body = compressed(log) if compress else log
        yield self._connection.send(replace(head, compressed_bytes=len(body)) if compress else head)
        middle = len(body) // 2
        yield self._connection.send(BodyChunk(body[:middle]))
        yield self._connection.send(BodyChunk(body[middle:]))
        yield self._connection.send(BodyEnd())

    def hear(self, data: bytes) -> Reply | None:
        """The reply, once it is complete; b"" is the master's end of file. The greeting is taken in silently."""
        if data:
            self._connection.receive(data)
        else:
            self._connection.receive_eof()
        event = self._connection.next_event()
        if isinstance(event, Hello):
            self._greeted = True
            event = self._connection.next_event()
        if event is NEED_DATA or event is PAUSED:
            return None
        assert not isinstance(event, Hello | EndOfSession), event
        return event

    @property
    def greeted(self) -> bool:
        """Whether the master has said hello."""
        return self._greeted


class Stream(Protocol):
    """Bytes to and from a master. `read` blocks until there is something; b"" is the end."""

    def read(self) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class Descriptors:
    """A stream over two file descriptors, as those of a child's pipes."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    def read(self) -> bytes:
        return os.read(self._reader, 1 << 16)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._writer, view) :]

    def close(self) -> None:
        os.close(self._writer)
        os.close(self._reader)


class ScriptedSlave:
    """Says one thing after the other and waits for each reply. Raises RemoteProtocolError if the master hangs up."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.script = Script()
        while not self.script.greeted:
            self.script.hear(self._stream.read())

    def ask(self, request: Request) -> Reply:
        """Any request that no log follows."""
        self._stream.write(self.script.say(request))
        return self._reply()

    def select(self, section: str, *, features: bool = False) -> bool:
        """Select a section, and with `features` ask for these; whether it was accepted."""
        accepted = isinstance(self.ask(SelectSection(section)), Ok)
        if accepted and features:
            self.ask(Features())
        return accepted

    def reserve(self) -> Offer | None:
        """One package as a plain slave gets it."""
        reply = self.ask(Reserve())
        return (Package(reply.words[0]), Version(reply.words[1])) if isinstance(reply, Ok) else None

    def lease(self, count: int) -> Holdings | None:
        """Some packages at once."""
        reply = self.ask(Lease(count))
        return Holdings.of(reply) if isinstance(reply, Ok) else None

    def renew(self) -> Holdings:
        """Keep them for longer."""
        return Holdings.of(self._ok(Renew()))

    def unreserve(self, offer: Offer) -> None:
        """Give one back."""
        self._ok(Unreserve(*offer))

    def report(self, outcome: Outcome, offer: Offer, log: bytes, *, compress: bool = False) -> Reply:
        """Deliver a result."""
        return self._deliver(Result(outcome, *offer), log, compress=compress)

    def trouble(self, offer: Offer, kind: TroubleKind, log: bytes, *, compress: bool = False) -> Reply:
        """Give one back with evidence."""
        return self._deliver(Trouble(*offer, kind), log, compress=compress)

    def why(self, package: Package) -> str | None:
        """What the package waits for."""
        reply = self.ask(Why(package))
        return " ".join(reply.words) if isinstance(reply, Ok) else None

    def idle(self) -> int:
        """Seconds until asking again is worth it."""
        return int(self._ok(Idle()).words[0])

    def recycle(self) -> bool:
        """Whether there is something to test again."""
        return isinstance(self.ask(Recycle()), Ok)

    def status(self) -> dict[str, int]:
        """Packages per state, and `total`."""
        words = [word.split("=") for word in self._ok(Status()).words if word != "(recycle)"]
        return {name: int(count) for name, count in words}

    def hang_up(self) -> None:
        """Close the stream."""
        self._stream.close()

    def _deliver(self, head: Result | Trouble, log: bytes, *, compress: bool) -> Reply:
        for piece in self.script.say_with_log(head, log, compress=compress):
            self._stream.write(piece)
        return self._reply()

    def _ok(self, request: Request) -> Ok:
        reply = self.ask(request)
        assert isinstance(reply, Ok), (request, reply)
        return reply

    def _reply(self) -> Reply:
        while (reply := self.script.hear(self._stream.read())) is None:
            pass
        return reply


def compressed(log: bytes) -> bytes:
    """One zstd frame that holds a log, ended by the LF that it may lack."""
    from zstandard import ZstdCompressor

    frame: bytes = ZstdCompressor().compress(log if not log or log.endswith(b"\n") else log + b"\n")
    return frame
