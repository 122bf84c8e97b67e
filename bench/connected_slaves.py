#!/usr/bin/python3
"""Many slaves connected at once, all working a little: memory of each session, replies, no error.

Each slave asks for a package, reports it some seconds later, and so on, for as long as the measurement lasts.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.crowd import Client, Crowd, LoadError, expect, log_of  # noqa: E402 (the clone is put on the path first)
from bench.load.figures import LATENCY_HEAD, Goal, Latency, arguments_of, show  # noqa: E402
from bench.load.office import SECTION, office  # noqa: E402

SLAVES: Final = {"sqlite": 200, "postgresql": 1000}
LOG_BYTES: Final = 20_000
GOAL_KIB: Final = 60 * 1024


class Workers:
    """Slaves that test something, each in its own time."""

    def __init__(self, crowd: Crowd, pause: float, random: Random) -> None:
        """`pause` is how many seconds a slave works on average between two requests."""
        self.seconds: list[float] = []
        self.results = 0
        self.in_vain = 0
        self.is_on = True
        self._crowd = crowd
        self._pause = pause
        self._random = random

    def start(self) -> None:
        """Begin, not all in one moment."""
        for client in self._crowd.clients:
            self._later(client, self._random.uniform(0.0, self._pause))

    def _later(self, client: Client, seconds: float) -> None:
        self._crowd.later(seconds, lambda: self._next(client))

    def _next(self, client: Client) -> None:
        if not self.is_on:
            return
        asked_at = time.monotonic()

        def done(reply: str) -> None:
            self.seconds.append(time.monotonic() - asked_at)
            self._understand(client, reply)
            self._later(client, self._random.uniform(0.5, 1.5) * self._pause)

        if client.held:
            job = client.held[0]
            client.say(f"pass {job}\n".encode() + log_of(job, LOG_BYTES), done)
        else:
            client.ask("reserve", done)

    def _understand(self, client: Client, reply: str) -> None:
        word, _, job = reply.partition(" ")
        if client.held:
            expect(reply, "ok")
            client.held.clear()
            self.results += 1
        elif word == "ok":
            client.held.append(job)
        else:
            expect(reply, "error")
            self.in_vain += 1


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--slaves", type=int, help="(default: 200 on SQLite, 1000 on PostgreSQL)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--pause", type=float, default=10.0, help="seconds between two requests of one (default: 10)")
    arguments = parser.parse_args()
    slaves = arguments.slaves or SLAVES[arguments.store]
    _allow_open_files(slaves * 2 + 100)
    problem = ""
    with office(arguments.store) as opened, Crowd(opened.session, opened.errors) as crowd:
        began = time.monotonic()
        crowd.connect_all([f"slave{number}" for number in range(slaves)], SECTION)
        connecting = time.monotonic() - began
        workers = Workers(crowd, arguments.pause, Random(1))
        workers.start()
        try:
            crowd.run_for(arguments.seconds)
            workers.is_on = False
            crowd.run_until_quiet()
        except LoadError as error:
            problem = f"{error}: {opened.errors.read_text()[-500:]}"
        memory = [client.memory_kib() for client in crowd.clients]
        complaints = opened.errors.read_text()
    latency = Latency.of(workers.seconds)
    beside = (
        f"{slaves} sessions, connected within {connecting:.0f} s. Memory of one: {statistics.median(memory) / 1024:.1f}"
        f" MiB, of the largest {max(memory) / 1024:.1f} MiB. {workers.results:,} results, `error`: {workers.in_vain}."
    )
    table = "\n".join([LATENCY_HEAD, latency.row("any request"), "", beside, problem, complaints])
    figures: dict[str, object] = {
        "store": arguments.store, "slaves": slaves, "connecting_seconds": connecting, "requests": latency.number,
        "p99_seconds": latency.p99, "memory_kib": statistics.median(memory), "memory_kib_max": max(memory),
        "results": workers.results, "errors": workers.in_vain, "complaints": complaints, "problem": problem,
    }  # fmt: skip
    goals = [
        Goal(f"{slaves} slaves at once on {arguments.store}, without a complaint", not complaints and not problem),
        Goal(f"a session takes at most 60 MiB: {max(memory) / 1024:.1f} MiB", max(memory) <= GOAL_KIB),
    ]
    return show(figures, table.rstrip(), goals, as_json=arguments.json)


def _allow_open_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(number, hard)), hard))


if __name__ == "__main__":
    sys.exit(main())
