"""The wire of a session: bytes between two file descriptors and the protocol, bounded in time."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from piufarm.errors import FarmError
from piufarm.protocol import NEED_DATA, PAUSED, MasterConnection
from piufarm.protocol.messages import MasterMessage, SlaveMessage

SILENCE_SECONDS: Final = 0.5  # a peer that has something to say says it sooner
LIVELY_SECONDS: Final = 2.0  # one that did so before is given as long as that
_READ_BYTES: Final = 256 * 1024
_WRITE_BYTES: Final = 4096  # PIPE_BUF: so much never blocks on a pipe that is ready for writing


class SessionTimeout(FarmError):
    """The peer was silent, or stayed, for too long."""


class PeerGone(FarmError):
    """The peer has closed its end while we had something to say."""


@dataclass(frozen=True)
class Patience:
    """How long a session may last."""

    idle_seconds: float = 900
    total_seconds: float = 4 * 3600


class Messenger(Protocol):
    """What a session speaks through: a channel, or what a simulation has instead."""

    def receive(self, when_silent: Callable[[], None] = lambda: None) -> SlaveMessage:
        """What the peer says next. Raises FarmError if nothing that makes sense will come.

        `when_silent` is called if that takes a while.
        """
        ...

    def send(self, message: MasterMessage) -> None:
        """Say something. Raises FarmError if the peer cannot hear it."""
        ...


class Channel:
    """One session's messages, one after the other; the process sleeps in here while the peer is silent."""

    def __init__(
        self, reader: int, writer: int, *, patience: Patience, clock: Callable[[], float], connection: MasterConnection
    ) -> None:
        """Speak over two file descriptors; `clock` counts seconds and never goes back."""
        self._reader = reader
        self._writer = writer
        self._connection = connection
        self._patience = patience
        self._clock = clock
        self._deadline = clock() + patience.total_seconds
        self._is_lively = True  # whoever has just come has come for something

    def receive(self, when_silent: Callable[[], None] = lambda: None) -> SlaveMessage:
        """See Messenger.receive. Raises RemoteProtocolError, SessionTimeout."""
        while True:
            event = self._connection.next_event()
            if event is PAUSED:
                raise AssertionError("asked for the next message while a reply is owed")
            if event is not NEED_DATA:
                return event
            began = self._clock()
            if not self._is_heard_within(LIVELY_SECONDS if self._is_lively else SILENCE_SECONDS):
                when_silent()
                self._wait(readable=True)
            self._is_lively = self._clock() - began < LIVELY_SECONDS
            try:
                data = os.read(self._reader, _READ_BYTES)
            except ConnectionResetError:
                data = b""
            if data:
                self._connection.receive(data)
            else:
                self._connection.receive_eof()

    def send(self, message: MasterMessage) -> None:
        """Say something. Raises PeerGone, SessionTimeout."""
        data = memoryview(self._connection.send(message))
        try:
            while data:
                self._wait(readable=False)
                data = data[os.write(self._writer, data[:_WRITE_BYTES]) :]
        except (BrokenPipeError, ConnectionResetError) as error:
            raise PeerGone("the slave hung up while it was being answered") from error

    def _is_heard_within(self, seconds: float) -> bool:
        """Whether the peer says something so soon, and while it may."""
        seconds = min(seconds, self._patience.idle_seconds, self._deadline - self._clock())
        return seconds > 0 and any(select.select([self._reader], [], [], seconds))

    def _wait(self, *, readable: bool) -> None:
        """Sleep until the peer is ready."""
        left = self._deadline - self._clock()
        seconds = min(self._patience.idle_seconds, left)
        readers, writers = ([self._reader], []) if readable else ([], [self._writer])
        if seconds > 0 and any(select.select(readers, writers, [], seconds)):
            return
        if left <= self._patience.idle_seconds:
            raise SessionTimeout(f"session ended after {self._patience.total_seconds:g} s, its longest time")
        raise SessionTimeout(f"nothing happened for {self._patience.idle_seconds:g} s")
