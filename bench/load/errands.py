"""What every slave of a crowd does at once: reserve packages, report them."""

from __future__ import annotations

import time
from typing import Final

from bench.load.crowd import Client, Crowd, expect, log_of

LOG_BYTES: Final = 20_000


def reserve_all(crowd: Crowd, each: int) -> None:
    """Let every slave hold so many packages, if there are as many."""

    def more(client: Client) -> None:
        def done(reply: str) -> None:
            word, _, job = reply.partition(" ")
            if word == "ok":
                client.held.append(job)
                if len(client.held) < each:
                    more(client)

        client.ask("reserve", done)

    for client in crowd.clients:
        more(client)
    crowd.run_until_quiet()


def deliver(crowd: Crowd, each: int | None = None) -> list[float]:
    """Let every slave report so many of the packages that it holds, or all; returns how long each reply took."""
    seconds: list[float] = []

    def report(client: Client, left: int) -> None:
        if not left:
            return
        job = client.held.pop()
        began = time.monotonic()

        def done(reply: str) -> None:
            expect(reply, "ok")
            seconds.append(time.monotonic() - began)
            report(client, left - 1)

        client.say(f"pass {job}\n".encode() + log_of(job, LOG_BYTES), done)

    for client in crowd.clients:
        report(client, len(client.held) if each is None else min(each, len(client.held)))
    crowd.run_until_quiet()
    return seconds
