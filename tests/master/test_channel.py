"""How long a session keeps what it needs for its answers while its slave is silent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from piufarm.master.session.channel import LIVELY_SECONDS, SILENCE_SECONDS, Channel, Patience
from piufarm.protocol import MasterConnection
from piufarm.protocol.messages import Error, Hello, SelectSection


class _Slave:
    """A peer that says `section sid` again and again, each time after so many seconds of a clock of ours."""

    def __init__(self, *pauses: float) -> None:
        self._pauses = list(pauses)
        self.now = 0.0
        self.reader, self._writer = os.pipe()
        self.waited: list[float] = []  # for how long the session would have kept what it has

    def is_heard_within(self, _channel: Channel, seconds: float) -> bool:
        self.waited.append(seconds)
        pause = self._pauses.pop(0)
        self.now += pause
        os.write(self._writer, b"section sid\n")
        return pause <= seconds


def test_a_slave_that_talks_a_lot_finds_its_session_ready_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    slave = _Slave(10.0, 0.1, 1.0, 10.0, 0.1)
    monkeypatch.setattr(Channel, "_is_heard_within", lambda channel, seconds: slave.is_heard_within(channel, seconds))
    released: list[float] = []
    with Path(os.devnull).open("wb") as nowhere:
        channel = Channel(
            slave.reader, nowhere.fileno(), patience=Patience(), clock=lambda: slave.now, connection=MasterConnection()
        )
        channel.send(Hello())
        for _ in range(5):
            assert channel.receive(lambda: released.append(slave.now)) == SelectSection("sid")
            channel.send(Error())
    assert slave.waited == [LIVELY_SECONDS, SILENCE_SECONDS, LIVELY_SECONDS, LIVELY_SECONDS, SILENCE_SECONDS]
    assert len(released) == 2
