"""Driving connections in tests: any cut of the input, both ends wired together, events made comparable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from piufarm.protocol import (
    NEED_DATA,
    PAUSED,
    Feature,
    Limits,
    MasterConnection,
    RemoteProtocolError,
    SlaveConnection,
    features_reply,
)
from piufarm.protocol.limits import DEFAULT_LIMITS
from piufarm.protocol.messages import (
    BodyChunk,
    EndOfSession,
    Features,
    Hello,
    Idle,
    Lease,
    MasterMessage,
    Message,
    Ok,
    QueryState,
    Renew,
    Reply,
    Reserve,
    SlaveMessage,
    Status,
    Why,
)


def usual_answer(request: Message) -> Reply:
    """The reply that a master in a good mood gives."""
    match request:
        case Reserve():
            return Ok(("vorbisgain", "2.3-4"))
        case Idle():
            return Ok(("0",))
        case Status():
            return Ok(("unknown=1", "total=1"))
        case QueryState():
            return Ok(("unknown", "1"))
        case Features():
            return features_reply(Feature)
        case Lease() | Renew():
            return Ok(("1800", "vorbisgain", "2.3-4", "liwc", "1.2.3-4"))
        case Why():
            return Ok(("liwc", "waits", "for", "another", "attempt."))
        case _:
            return Ok()


@dataclass
class Heard:
    """What a master made of some input: events with the pieces of a log joined, and how it ended."""

    events: list[SlaveMessage] = field(default_factory=list)
    problem: str | None = None
    replies: bytes = b""

    def add(self, event: SlaveMessage) -> None:
        if isinstance(event, BodyChunk) and self.events and isinstance(self.events[-1], BodyChunk):
            self.events[-1] = BodyChunk(self.events[-1].data + event.data)
        else:
            self.events.append(event)


def master_hears(pieces: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> Heard:
    """Feed a master piece by piece, then end of file; it answers every request."""
    master = MasterConnection(limits)
    heard = Heard(replies=master.send(Hello()))
    try:
        for piece in [*pieces, None]:
            _feed(master, piece)
            last: SlaveMessage | None = None
            while (event := master.next_event()) is not NEED_DATA:
                if event is PAUSED:
                    assert last is not None
                    heard.replies += master.send(usual_answer(last))
                    continue
                last = event
                heard.add(event)
                if isinstance(event, EndOfSession):
                    return heard
    except RemoteProtocolError as error:
        heard.problem = error.message
    return heard


def slave_hears(
    slave: SlaveConnection, pieces: Iterable[bytes]
) -> tuple[list[MasterMessage | EndOfSession], str | None]:
    """Feed a slave piece by piece, then end of file; it only listens."""
    events: list[MasterMessage | EndOfSession] = []
    try:
        for piece in [*pieces, None]:
            _feed(slave, piece)
            while (event := slave.next_event()) is not NEED_DATA:
                if event is PAUSED:
                    break
                events.append(event)
                if isinstance(event, EndOfSession):
                    return events, None
    except RemoteProtocolError as error:
        return events, error.message
    return events, None


def _feed(connection: MasterConnection | SlaveConnection, piece: bytes | None) -> None:
    if piece is None:
        connection.receive_eof()
    else:
        connection.receive(piece)


def cut(data: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """`data` cut at these places (taken modulo its length)."""
    borders = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    for start, stop in pairwise(borders):
        yield data[start:stop]


class Pair:
    """A slave and a master whose bytes go straight to each other."""

    def __init__(self, *, escape_invalid_utf8: bool = False, limits: Limits = DEFAULT_LIMITS) -> None:
        self.master = MasterConnection(limits)
        self.slave = SlaveConnection(limits, escape_invalid_utf8=escape_invalid_utf8)

    def master_says(self, message: MasterMessage) -> MasterMessage | EndOfSession:
        """The master sends; what the slave takes it for."""
        self.slave.receive(self.master.send(message))
        event = self.slave.next_event()
        assert event is not NEED_DATA and event is not PAUSED
        return event

    def slave_says(self, message: SlaveMessage) -> list[SlaveMessage]:
        """The slave sends; what the master takes it for."""
        data = self.slave.send(message)
        self.master.receive(data)
        events: list[SlaveMessage] = []
        while True:
            event = self.master.next_event()
            if event is NEED_DATA or event is PAUSED:
                return events
            events.append(event)
            if isinstance(event, EndOfSession):
                return events
