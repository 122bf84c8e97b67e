#!/usr/bin/python3
"""How long a slave waits for `reserve` while 64 are connected, and sid is refreshed and evaluated all the time.

Requests come at a steady rate, half of them `reserve` and half results with a log of 20 kB, each for the package that
its slave got before. A request that finds all slaves waiting counts from the moment when it was due.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.crowd import Client, Crowd, expect, log_of  # noqa: E402 (the clone is put on the path first)
from bench.load.figures import LATENCY_HEAD, Goal, Latency, arguments_of, show  # noqa: E402
from bench.load.office import SECTION, Office, office  # noqa: E402
from piufarm.run import DEVNULL, Child, clean_environment, spawn  # noqa: E402

GOAL_SECONDS: Final = 0.05
LOG_BYTES: Final = 20_000


@dataclass
class Traffic:
    """Requests at a steady rate, from slaves that have nothing else to do."""

    crowd: Crowd
    rate: float
    reserves: list[float] = field(default_factory=list)
    results: list[float] = field(default_factory=list)
    in_vain: int = 0
    is_on: bool = True
    _due: deque[float] = field(default_factory=deque)
    _idle: deque[Client] = field(default_factory=deque)

    def start(self) -> None:
        """Begin."""
        self._idle.extend(self.crowd.clients)
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


@dataclass
class Background:
    """Programs of the master that run one after the other all the time."""

    crowd: Crowd
    commands: Sequence[Sequence[str | Path]]
    rounds: int = 0
    is_on: bool = True
    _child: Child | None = None

    def look(self) -> None:
        """Start the next one when the last one has ended."""
        if self._child is not None and self._child.poll() is not None:
            if self._child.returncode:
                raise SystemExit(f"status {self._child.returncode} of {self._child.args!r}")
            self._child = None
            self.rounds += 1
        if self._child is None and self.is_on:
            words = self.commands[self.rounds % len(self.commands)]
            self._child = spawn(words, env=clean_environment(), stdout=DEVNULL)
        if self._child is not None or self.is_on:
            self.crowd.later(0.05, self.look)

    def stop(self) -> None:
        """Wait for the last one."""
        self.is_on = False
        if self._child is not None:
            self._child.wait()
            self._child = None


def measure(opened: Office, slaves: int, rate: float, seconds: float) -> tuple[Traffic, Background, Background]:
    """The traffic, beside refreshes and evaluations."""
    with Crowd(opened.session, opened.errors) as crowd:
        crowd.connect_all([f"slave{number}" for number in range(slaves)], SECTION)
        configs = (opened.other_config, opened.config)
        refreshes = Background(crowd, [opened.command("refresh", config=config) for config in configs])
        evaluations = Background(crowd, [opened.command("evaluate")])
        traffic = Traffic(crowd, rate)
        refreshes.look()
        evaluations.look()
        traffic.start()
        try:
            crowd.run_for(seconds)
            traffic.is_on = False
            crowd.run_until_quiet()
        finally:
            refreshes.stop()
            evaluations.stop()
        return traffic, refreshes, evaluations


def main() -> int:
    """Measure and print; 1 if the goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--slaves", type=int, default=64, help="connected at once (default: 64)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second in all (default: 100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    arguments = parser.parse_args()
    with office(arguments.store) as opened:
        traffic, refreshes, evaluations = measure(opened, arguments.slaves, arguments.rate, arguments.seconds)
    reserves, results = Latency.of(traffic.reserves), Latency.of(traffic.results)
    rows = [reserves.row("`reserve`"), results.row("a result, log of 20 kB")]
    beside = f"Beside it: {refreshes.rounds} refreshes, {evaluations.rounds} evaluations; `error`: {traffic.in_vain}."
    goal = f"reserve p99 <= {GOAL_SECONDS * 1000:.0f} ms on {arguments.store}: {reserves.p99 * 1000:.1f} ms"
    figures: dict[str, object] = {
        "store": arguments.store, "slaves": arguments.slaves, "rate": arguments.rate, "reserve": asdict(reserves),
        "result": asdict(results), "errors": traffic.in_vain, "refreshes": refreshes.rounds,
        "evaluations": evaluations.rounds,
    }  # fmt: skip
    table = "\n".join([LATENCY_HEAD, *rows, "", beside])
    return show(figures, table, [Goal(goal, reserves.p99 <= GOAL_SECONDS)], as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
