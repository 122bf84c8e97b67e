"""The slave's end of a session."""

from __future__ import annotations

from typing import Final

from piufarm.protocol.body import BodyEncoder
from piufarm.protocol.compressed import FrameEncoder
from piufarm.protocol.connection import NEED_DATA, PAUSED, Connection, NeedData, Paused
from piufarm.protocol.errors import LocalProtocolError
from piufarm.protocol.limits import DEFAULT_LIMITS, Limits
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
from piufarm.protocol.wire import Malformed, check_reply, format_request, needed_by, parse_reply, shown

_NOT_A_MASTER: Final = "is the key's forced command `piufarm master session`, and does the login print nothing itself?"
_SEE_MASTER: Final = "the master's log says why"


class SlaveConnection(Connection):
    """Writes requests and logs, reads replies; the greeting (Hello) comes first.

    `escape_invalid_utf8`: write bytes of a log that are not UTF-8 as `\\xNN`, for masters that cannot take them; one
    that has told its features can.
    """

    role = Role.SLAVE

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, escape_invalid_utf8: bool = True) -> None:
        super().__init__(limits)
        self._escape = escape_invalid_utf8
        self._body: BodyEncoder | FrameEncoder = BodyEncoder(escape_invalid_utf8=escape_invalid_utf8)
        self._asked = ""

    def next_event(self) -> MasterMessage | EndOfSession | NeedData | Paused:
        """What the master says next; PAUSED while it waits for us, EndOfSession when it has hung up in between.

        Raises RemoteProtocolError for anything but the reply that the last request asks for, and from then on always.
        """
        self._raise_if_failed()
        if self._state is State.CLOSED:
            return EndOfSession()
        if speaker(self._state) is Role.SLAVE:
            return self._nothing_expected()
        line = self._take_line(self._limits.reply_bytes)
        if line is None:
            return self._fail_at_end_of_file() if self._eof else NEED_DATA
        message = self._parse(line)
        self._step(message, received=True)
        return message

    def send(self, message: SlaveMessage) -> bytes:
        """The bytes of a request or of a piece of a log. Raises LocalProtocolError if it is not the time for it.

        Raises RemoteProtocolError if the master has said something that nobody asked for.
        """
        self._raise_if_failed()
        if self._buffer and speaker(self._state) is Role.SLAVE:
            self._nothing_expected()
        if isinstance(message, Request) and (missing := needed_by(message) - self._features):
            raise LocalProtocolError(f"the master has not said that it knows {' '.join(sorted(missing))}: {message}")
        self._step(message, received=False)
        match message:
            case BodyChunk(data):
                return self._body.encode(data)
            case BodyEnd():
                return self._body.end()
            case EndOfSession():
                return b""
            case Result(compressed_bytes=length) | Trouble(compressed_bytes=length):
                self._body = self._encoder(length)
        try:
            line = format_request(message)
        except Malformed as error:
            self._state = State.FAILED
            raise LocalProtocolError(str(error)) from error
        self._asked = line.decode().rstrip("\n")
        return line

    def _encoder(self, compressed_bytes: int | None) -> BodyEncoder | FrameEncoder:
        if compressed_bytes is not None:
            return FrameEncoder(compressed_bytes)
        return BodyEncoder(escape_invalid_utf8=self._escape and not self._features)

    def _nothing_expected(self) -> EndOfSession | Paused:
        if self._buffer:
            self._fail(f"the master speaks without being asked: {shown(bytes(self._buffer[:200]))}")
        if not self._eof:
            return PAUSED
        if self._state is State.BODY:
            self._fail(f"the master hung up in the middle of the log of `{self._asked}`", hint=_SEE_MASTER)
        self._state = State.CLOSED
        return EndOfSession()

    def _fail_at_end_of_file(self) -> NeedData:
        if self._state is State.GREETING:
            self._fail("the master hung up without a greeting", hint=_NOT_A_MASTER)
        self._fail(f"the master hung up instead of answering `{self._asked}`", hint=_SEE_MASTER)

    def _parse(self, line: bytes) -> MasterMessage:
        """The message in a line, if it is one that this state waits for."""
        greeting = self._state is State.GREETING
        try:
            message = parse_reply(line)
            if not isinstance(message, Hello):
                check_reply(self._state, message)
        except Malformed as error:
            if greeting:
                self._fail(f"expected the greeting `hello`, got {shown(line)}", hint=_NOT_A_MASTER)
            self._fail(f"strange reply to `{self._asked}`: {error}")
        if greeting is not isinstance(message, Hello):
            self._fail(f"strange {'greeting' if greeting else f'reply to `{self._asked}`'}: {shown(line)}")
        return message
