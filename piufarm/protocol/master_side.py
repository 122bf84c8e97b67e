"""The master's end of a session."""

from __future__ import annotations

from typing import Final

from piufarm.protocol.body import BodyDecoder
from piufarm.protocol.compressed import FrameDecoder
from piufarm.protocol.connection import NEED_DATA, PAUSED, Connection, NeedData, Paused
from piufarm.protocol.errors import LocalProtocolError
from piufarm.protocol.limits import DEFAULT_LIMITS, MIB, Limits
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    EndOfSession,
    Hello,
    MasterMessage,
    Request,
    Result,
    SlaveMessage,
    Trouble,
)
from piufarm.protocol.states import Role, State, speaker
from piufarm.protocol.wire import Malformed, check_reply, format_reply, parse_request

_SLICE: Final = MIB  # of a log, decoded at a time


class MasterConnection(Connection):
    """Reads requests, writes replies. Send Hello first.

    A log comes as BodyChunk events and is whole only when BodyEnd comes: if the peer stops before, `next_event` raises
    RemoteProtocolError and what was received of the log must be thrown away.
    """

    role = Role.MASTER

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._requests = 0
        self._body: BodyDecoder | FrameDecoder = BodyDecoder(limits)
        self._problem: str | None = None  # of a log whose last good bytes were handed out first

    def next_event(self) -> SlaveMessage | NeedData | Paused:
        """What the slave says next; PAUSED while a reply is owed.

        After the session's end it is EndOfSession again and again. Raises RemoteProtocolError for anything that the
        protocol does not allow, and from then on always.
        """
        self._raise_if_failed()
        if self._state is State.CLOSED:
            return EndOfSession()
        if speaker(self._state) is Role.MASTER:
            return PAUSED
        event = self._next_body_event() if self._state is State.BODY else self._next_request()
        if event is not NEED_DATA:
            self._step(event, received=True)
        return event

    def send(self, message: MasterMessage) -> bytes:
        """The bytes of the greeting or of a reply. Raises LocalProtocolError if it is not the time or form for it."""
        asked = self._state
        if not isinstance(message, Hello):
            try:
                check_reply(asked, message)
            except Malformed as error:
                raise LocalProtocolError(str(error)) from error
        self._step(message, received=False)
        return format_reply(message)

    def _next_request(self) -> Request | EndOfSession | NeedData:
        line = self._take_line(self._limits.request_bytes)
        if line is None:
            if not self._eof:
                return NEED_DATA
            if self._buffer:
                self._fail("end of file in the middle of a line")
            return EndOfSession()
        try:
            request = parse_request(line, self._features)
        except Malformed as error:
            self._fail(str(error))
        if request is None:
            return EndOfSession()
        self._requests += 1
        if self._requests > self._limits.requests:
            self._fail(f"more than {self._limits.requests} requests in one session")
        if isinstance(request, Result | Trouble):
            self._body = self._decoder(request.compressed_bytes)
        return request

    def _decoder(self, compressed_bytes: int | None) -> BodyDecoder | FrameDecoder:
        if compressed_bytes is None:
            return BodyDecoder(self._limits)
        if compressed_bytes > self._limits.body_bytes:
            self._fail(f"log of more than {self._limits.body_bytes} bytes")
        return FrameDecoder(self._limits, compressed_bytes)

    def _next_body_event(self) -> BodyChunk | BodyEnd | NeedData:
        while True:
            if self._problem is not None:
                self._fail(self._problem)
            step = self._body.decode(bytes(self._buffer[:_SLICE]))
            del self._buffer[: step.consumed]
            self._problem = step.problem
            if step.data:
                return BodyChunk(step.data)
            if step.ended:
                return BodyEnd()
            if not step.consumed and step.problem is None:
                if self._eof:
                    self._fail("end of file in the middle of a log")
                return NEED_DATA
