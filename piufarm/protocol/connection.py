"""What both ends share: the buffer of received bytes, and the state that every message goes through."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, NoReturn

from piufarm.protocol.errors import LocalProtocolError, RemoteProtocolError
from piufarm.protocol.features import NO_FEATURES, Feature, features_in
from piufarm.protocol.limits import Limits
from piufarm.protocol.messages import Message, Ok
from piufarm.protocol.states import NEXT, Role, State, speaker
from piufarm.protocol.wire import shown


class Waiting(Enum):
    """Why there is no event now."""

    NEED_DATA = "need data"
    PAUSED = "paused"


NEED_DATA: Final = Waiting.NEED_DATA  # give me what the peer says next: `receive`
PAUSED: Final = Waiting.PAUSED  # it is our turn to speak: `send`

NeedData = Literal[Waiting.NEED_DATA]
Paused = Literal[Waiting.PAUSED]


class Connection:
    """One end of a session; bytes in and out, nothing else."""

    role: Role

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._state = State.GREETING
        self._buffer = bytearray()
        self._eof = False
        self._failure: str | None = None
        self._features = NO_FEATURES

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def features(self) -> frozenset[Feature]:
        """What the master has said that it understands; nothing before it was asked."""
        return self._features

    def receive(self, data: bytes) -> None:
        """Take what was read from the peer.

        Read only after NEED_DATA: then what is buffered stays within the limits and one read.
        """
        if self._eof:
            raise LocalProtocolError("received data after the end of file")
        self._buffer += data

    def receive_eof(self) -> None:
        """The peer has closed its end; what it said before is still heard first."""
        self._eof = True

    def _take_line(self, limit: int) -> bytes | None:
        """The next line without its LF; None if it is not there yet. Raises RemoteProtocolError if it is too long."""
        end = self._buffer.find(b"\n", 0, limit + 1)
        if end < 0:
            if len(self._buffer) > limit:
                self._fail(f"line of more than {limit} bytes: {shown(bytes(self._buffer[:limit]))}")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _step(self, message: Message, *, received: bool) -> None:
        """Go where the message leads. Raises the error of the side that sent it if that is nowhere."""
        sender = speaker(self._state)
        follows = NEXT.get((self._state, type(message)))
        if follows is None or (sender is self.role) is received:
            text = f"{type(message).__name__} in state `{self._state.value}`"
            if received:
                self._fail(f"not allowed here: {text}")
            raise LocalProtocolError(f"cannot send {text}")
        if self._state is State.FEATURES_ASKED and isinstance(message, Ok):
            self._features = features_in(message)
        self._state = follows

    def _fail(self, reason: str, *, hint: str | None = None) -> NoReturn:
        """End the session for a fault of the peer's; every further `next_event` repeats the reason."""
        self._state = State.FAILED
        self._failure = reason
        raise RemoteProtocolError(reason, hint=hint)

    def _raise_if_failed(self) -> None:
        if self._failure is not None:
            raise RemoteProtocolError(self._failure)
