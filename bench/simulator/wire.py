"""The wire between a scripted slave and a session of the master: the protocol's own bytes, kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from bench.simulator.world import Killed, Program, Wakers, World
from piufarm.master.session.channel import PeerGone, SessionTimeout
from piufarm.protocol import NEED_DATA, PAUSED, MasterConnection, RemoteProtocolError, SlaveConnection
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    EndOfSession,
    Hello,
    MasterMessage,
    Reply,
    Request,
    SlaveMessage,
)

_IDLE_SECONDS: Final = 900.0


class Accident(Enum):
    """What may happen to a connection while a log is sent."""

    CUT_IN_LOG = "cut in the middle of a log"
    GONE_BEFORE_REPLY = "cut before the reply was sent"
    DEAF_FOR_REPLY = "cut before the reply was read"


class Cut(Exception):
    """The connection broke; nobody knows what the master did with the last request."""


@dataclass
class Wire:
    """Bytes on their way, and who waits for them."""

    world: World
    latency: float
    to_master: bytearray = field(default_factory=bytearray)
    to_slave: bytearray = field(default_factory=bytearray)
    slave_has_closed: bool = False
    master_has_closed: bool = False
    session: Program | None = None
    _slave_waits: Callable[[], None] | None = None

    def wake_session(self) -> None:
        """The slave has said something, or has hung up."""
        if self.session is not None:
            self.session.resume()

    def wake_slave(self) -> None:
        """The master has said something, or has hung up."""
        if self._slave_waits is not None:
            waits, self._slave_waits = self._slave_waits, None
            self.world.later(self.latency, waits)

    def until_master_speaks(self) -> Wakers:
        """What a script yields to sleep until there is something to read."""

        def subscribe(advance: Callable[[], None]) -> None:
            self._slave_waits = advance
            if self.to_slave or self.master_has_closed:
                self.wake_slave()

        return subscribe


class SessionEnd:
    """What a session speaks through; it may be killed before or after each message."""

    def __init__(self, wire: Wire, is_killed_now: Callable[[], bool]) -> None:
        self._wire = wire
        self._connection = MasterConnection()
        self._is_killed_now = is_killed_now
        self._silences = 0

    def receive(self, when_silent: Callable[[], None] = lambda: None) -> SlaveMessage:
        """What the slave says next. Raises RemoteProtocolError, SessionTimeout."""
        while (event := self._connection.next_event()) is NEED_DATA:
            self._read()
        assert event is not PAUSED
        self._perhaps_die()
        return event

    def _perhaps_die(self) -> None:
        if self._is_killed_now():
            self._wire.world.running.killed = True
            raise Killed

    def _read(self) -> None:
        wire = self._wire
        if not wire.to_master and not wire.slave_has_closed:
            self._wait_for_slave()
        if wire.to_master:
            self._connection.receive(bytes(wire.to_master))
            wire.to_master.clear()
        elif wire.slave_has_closed:
            self._connection.receive_eof()
        else:
            raise SessionTimeout(f"nothing happened for {_IDLE_SECONDS:g} s")

    def _wait_for_slave(self) -> None:
        self._silences += 1
        silence, program = self._silences, self._wire.world.running

        def give_up() -> None:
            if self._silences == silence:
                program.resume()

        self._wire.world.later(_IDLE_SECONDS, give_up)
        self._wire.session = program
        program.wait()
        self._wire.session = None
        self._silences += 1

    def send(self, message: MasterMessage) -> None:
        """Say something. Raises PeerGone."""
        data = self._connection.send(message)
        self._perhaps_die()
        if self._wire.slave_has_closed:
            raise PeerGone("the slave hung up while it was being answered")
        self._wire.to_slave += data
        self._wire.wake_slave()


class SlaveEnd:
    """What a script speaks through."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._connection = SlaveConnection(escape_invalid_utf8=False)

    def greeting(self) -> Generator[float | Wakers, None, None]:
        """Wait for the greeting. Raises Cut."""
        assert isinstance((yield from self._next_message()), Hello)

    def ask(self, request: Request) -> Generator[float | Wakers, None, Reply]:
        """Ask, and wait for the reply. Raises Cut."""
        yield from self._say(self._sent(request))
        return (yield from self._reply())

    def deliver(
        self, head: Request, log: bytes, accident: Accident | None = None
    ) -> Generator[float | Wakers, None, Reply]:
        """Send a log, and wait for the reply. Raises Cut, always if there is an accident."""
        sent = self._sent(head)
        body = self._sent(BodyChunk(log)) + self._sent(BodyEnd())
        match accident:
            case Accident.CUT_IN_LOG:
                yield from self._say(sent + body[: self._wire.world.random.randrange(len(body))])
            case Accident.GONE_BEFORE_REPLY:
                self._wire.slave_has_closed = True
                yield from self._say(sent + body)
            case _:
                yield from self._say(sent + body)
        if accident is not None:
            self.hang_up()
            raise Cut
        return (yield from self._reply())

    def hang_up(self) -> None:
        """Close the slave's side."""
        self._wire.slave_has_closed = True
        self._wire.wake_session()

    def _sent(self, message: SlaveMessage) -> bytes:
        try:
            return self._connection.send(message)
        except RemoteProtocolError as error:
            raise AssertionError(f"the master said something wrong: {error}") from error

    def _say(self, data: bytes) -> Generator[float | Wakers, None, None]:
        yield self._wire.latency
        if self._wire.master_has_closed:
            raise Cut
        self._wire.to_master += data
        self._wire.wake_session()

    def _reply(self) -> Generator[float | Wakers, None, Reply]:
        message = yield from self._next_message()
        assert not isinstance(message, Hello)
        return message

    def _next_message(self) -> Generator[float | Wakers, None, MasterMessage]:
        while (event := self._connection.next_event()) is NEED_DATA:
            yield self._wire.until_master_speaks()
            if not self._wire.to_slave:
                raise Cut
            self._connection.receive(bytes(self._wire.to_slave))
            self._wire.to_slave.clear()
        assert event is not PAUSED and not isinstance(event, EndOfSession)
        return event
