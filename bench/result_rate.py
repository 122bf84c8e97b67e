#!/usr/bin/python3
"""How many results a master takes in durably per second: 64 slaves deliver logs of 20 kB as fast as they are answered.

Each slave has reserved its packages before. An `ok` means that the file, its folder and the row are synced.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.crowd import Crowd, LoadError  # noqa: E402 (the clone is put on the path first)
from bench.load.errands import deliver, reserve_all  # noqa: E402
from bench.load.figures import LATENCY_HEAD, Goal, Latency, arguments_of, show  # noqa: E402
from bench.load.office import SECTION, office  # noqa: E402

GOAL_RATE: Final = 400.0


def main() -> int:
    """Measure and print; 1 if the goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--slaves", type=int, default=64, help="connected at once (default: 64)")
    parser.add_argument("--results", type=int, default=4000, help="how many (default: 4000)")
    arguments = parser.parse_args()
    with office(arguments.store) as opened, Crowd(opened.session, opened.errors) as crowd:
        crowd.connect_all([f"slave{number}" for number in range(arguments.slaves)], SECTION)
        began = time.monotonic()
        reserve_all(crowd, -(-arguments.results // arguments.slaves))
        reserving = time.monotonic() - began
        reserved = sum(len(client.held) for client in crowd.clients)
        deliver(crowd, 1)  # each session loads what it needs for that
        cpu_before, own_before = crowd.cpu_seconds(), time.process_time()
        began = time.monotonic()
        seconds = deliver(crowd)
        delivering = time.monotonic() - began
        cpu, own = crowd.cpu_seconds() - cpu_before, time.process_time() - own_before
    if not seconds:
        raise LoadError("nothing could be reserved")
    rate, latency = len(seconds) / delivering, Latency.of(seconds)
    beside = (
        f"{rate:,.0f} results a second; {cpu / len(seconds) * 1000:.2f} ms of CPU each in the session,"
        f" {own / len(seconds) * 1000:.2f} ms here. Before that, {reserved / reserving:,.0f} `reserve` a second."
    )
    table = "\n".join([LATENCY_HEAD, latency.row("a result, log of 20 kB"), "", beside])
    figures: dict[str, object] = {
        "store": arguments.store, "slaves": arguments.slaves, "results": len(seconds), "results_per_second": rate,
        "cpu_seconds_per_result": cpu / len(seconds), "cpu_seconds_of_the_load": own / len(seconds),
        "reserves_per_second": reserved / reserving,
    }  # fmt: skip
    goal = Goal(f"{GOAL_RATE:.0f} results a second on {arguments.store}: {rate:.0f}", rate >= GOAL_RATE)
    return show(figures, table, [goal], as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
