"""A steady stream of requests from slaves that reserve packages and report them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.load.crowd import Client, Crowd, expect, log_of
from bench.load.errands import LOG_BYTES


@dataclass
class Traffic:
    """Requests at a steady rate, from slaves that have nothing else to do."""

    crowd: Crowd
    rate: float
    clients: Sequence[Client]
    reserves: list[float] = field(default_factory=list)
    results: list[float] = field(default_factory=list)
    in_vain: int = 0
    is_on: bool = True
    _due: deque[float] = field(default_factory=deque)
    _idle: deque[Client] = field(default_factory=deque)

    def start(self) -> None:
        """Begin."""
        self._idle.extend(self.clients)
        self._tick(time.monotonic())

    def _tick(self, due: float) -> None:
        if not self.is_on:
            return
        self._due.append(due)
        self._serve()
        following = due + 1 / self.rate
        self.crowd.later(following - time.monotonic(), lambda: self._tick(following))

    def _serve(self) -> None:
        while self._due and self._idle:
            client, due = self._idle.popleft(), self._due.popleft()
            if client.held:
                job = client.held.pop()
                client.say(f"pass {job}\n".encode() + log_of(job, LOG_BYTES), self._stored(client, due))
            else:
                client.ask("reserve", self._reserved(client, due))

    def _stored(self, client: Client, due: float) -> Callable[[str], None]:
        def done(reply: str) -> None:
            expect(reply, "ok")
            self._answered(client, due, self.results)

        return done

    def _reserved(self, client: Client, due: float) -> Callable[[str], None]:
        def done(reply: str) -> None:
            word, _, job = reply.partition(" ")
            if word == "ok":
                client.held.append(job)
            else:
                expect(reply, "error")
                self.in_vain += 1
            self._answered(client, due, self.reserves)

        return done

    def _answered(self, client: Client, due: float, seconds: list[float]) -> None:
        seconds.append(time.monotonic() - due)
        self._idle.append(client)
        self._serve()
