#!/usr/bin/python3
"""How long a slave waits for `reserve` while 64 are connected, and sid is refreshed and evaluated all the time.

Requests come at a steady rate, half of them `reserve` and half results with a log of 20 kB, each for the package that
its slave got before. A request that finds all slaves waiting counts from the moment when it was due.

Beside it, if asked for, a single slave of piuparts-master, with nothing else on the host: there cannot be two.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.crowd import Crowd  # noqa: E402 (the clone is put on the path first)
from bench.load.errands import deliver, reserve_all  # noqa: E402
from bench.load.figures import LATENCY_HEAD, Goal, Latency, arguments_of, show  # noqa: E402
from bench.load.office import SECTION, Office, office  # noqa: E402
from bench.load.peer import Peer  # noqa: E402
from bench.load.traffic import Traffic  # noqa: E402
from piufarm.run import DEVNULL, Child, clean_environment, spawn  # noqa: E402

GOAL_SECONDS: Final = 0.05


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
        reserve_all(crowd, 1)  # the first request of a session is what bench/first_reserve.py measures
        deliver(crowd)
        configs = (opened.other_config, opened.config)
        refreshes = Background(crowd, [opened.command("refresh", config=config) for config in configs])
        evaluations = Background(crowd, [opened.command("evaluate")])
        traffic = Traffic(crowd, rate, crowd.clients)
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


def measure_peer(packages: int) -> tuple[list[str], dict[str, object]]:
    """A slave alone with piuparts-master: rows of the table, and figures."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        master = Peer(Path(name))
        alone = master.one_slave(Path(name) / "complaints", packages)
    reserves, results = Latency.of(alone.reserves), Latency.of(alone.results)
    rate = packages / (sum(alone.reserves) + sum(alone.results))
    rows = [
        reserves.row(f"`reserve`, {master.name}, one slave"),
        results.row(f"a result there; {rate:,.1f} packages a second; a second slave: `{alone.second}`"),
    ]
    return rows, {"peer_reserve": asdict(reserves), "peer_result": asdict(results), "peer_second": alone.second}


def main() -> int:
    """Measure and print; 1 if the goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--slaves", type=int, default=64, help="connected at once (default: 64)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second in all (default: 100)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument(
        "--peer-packages", type=int, default=0, metavar="N",
        help="let a slave of piuparts-master reserve and report so many, too (default: 0)",
    )  # fmt: skip
    arguments = parser.parse_args()
    with office(arguments.store) as opened:
        traffic, refreshes, evaluations = measure(opened, arguments.slaves, arguments.rate, arguments.seconds)
    reserves, results = Latency.of(traffic.reserves), Latency.of(traffic.results)
    rows = [reserves.row("`reserve`"), results.row("a result, log of 20 kB")]
    peer: dict[str, object] = {}
    if arguments.peer_packages:
        peer_rows, peer = measure_peer(arguments.peer_packages)
        rows += peer_rows
    beside = f"Beside it: {refreshes.rounds} refreshes, {evaluations.rounds} evaluations; `error`: {traffic.in_vain}."
    goal = f"reserve p99 <= {GOAL_SECONDS * 1000:.0f} ms on {arguments.store}: {reserves.p99 * 1000:.1f} ms"
    figures: dict[str, object] = {
        "store": arguments.store, "slaves": arguments.slaves, "rate": arguments.rate, "reserve": asdict(reserves),
        "result": asdict(results), "errors": traffic.in_vain, "refreshes": refreshes.rounds,
        "evaluations": evaluations.rounds, **peer,
    }  # fmt: skip
    table = "\n".join([LATENCY_HEAD, *rows, "", beside])
    return show(figures, table, [Goal(goal, reserves.p99 <= GOAL_SECONDS)], as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
