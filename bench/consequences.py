#!/usr/bin/python3
"""How soon a result changes the states of what depends on it, while other slaves go on working.

A package that others depend on, in chains of three without alternatives, is reported as failed. Measured is the time
from its `ok` until the direct dependent cannot be tested any more, and until the dependent of that one cannot.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.crowd import Client, Crowd, LoadError, expect, log_of  # noqa: E402 (the clone is put on the path first)
from bench.load.errands import LOG_BYTES  # noqa: E402
from bench.load.figures import LATENCY_HEAD, Goal, Latency, arguments_of, show  # noqa: E402
from bench.load.office import SECTION, office  # noqa: E402
from bench.load.traffic import Traffic  # noqa: E402
from piufarm.names import Package  # noqa: E402
from piufarm.states import WAITING, PackageState  # noqa: E402
from piufarm.store.model import PackageRow, Store  # noqa: E402

DIRECT_SECONDS: Final = 0.5  # at once: before the slave has read `ok` and asked again
REST_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Chain:
    """`last` needs `middle`, which needs `first`; nothing else will do, and `first` can be tested now."""

    first: PackageRow
    middle: Package
    last: Package


def chains(store: Store) -> Iterator[Chain]:
    """Chains that have nothing in common, so that each can be measured once."""
    needs: dict[str, list[Package]] = {}
    for user, dependencies in store.all_dependencies(SECTION):
        for dependency in dependencies:
            if len(dependency.alternatives) == 1 and not dependency.alternatives[0].op:
                needs.setdefault(dependency.alternatives[0].name, []).append(user)
    used: set[str] = set()
    for first in list(store.packages(SECTION, PackageState.WAITING_TO_BE_TESTED)):
        if first.chain < 3 or first.waiting > 50:
            continue
        for middle in needs.get(first.name, ()):
            ends = [last for last in needs.get(middle, ()) if last != first.name]
            if ends and used.isdisjoint({first.name, middle, ends[0]}):
                used |= {first.name, middle, ends[0]}
                yield Chain(first, middle, ends[0])
                break


class Experiment:
    """Failures of the first of a chain, one after the other."""

    def __init__(self, crowd: Crowd, store: Store, reporter: Client) -> None:
        self.direct: list[float] = []
        self.rest: list[float] = []
        self._crowd = crowd
        self._store = store
        self._reporter = reporter

    def measure(self, chain: Chain) -> None:
        """One of them; skipped if others have changed its states meanwhile."""
        if any(self._is_blocked(name) for name in (chain.middle, chain.last)):
            return
        job = f"{chain.first.name} {chain.first.test_version}"
        ok_at: list[float] = []

        def done(reply: str) -> None:
            expect(reply, "ok")
            ok_at.append(time.monotonic())

        self._reporter.say(f"fail {job}\n".encode() + log_of(job, LOG_BYTES), done)
        self._crowd.run_until(lambda: bool(ok_at))
        for name, seconds in ((chain.middle, self.direct), (chain.last, self.rest)):
            self._wait_for(name)
            seconds.append(time.monotonic() - ok_at[0])

    def _wait_for(self, name: Package) -> None:
        looked_at = 0.0

        def is_blocked() -> bool:
            nonlocal looked_at
            if time.monotonic() - looked_at < _POLL_SECONDS:
                return False
            looked_at = time.monotonic()
            self._crowd.later(_POLL_SECONDS, lambda: None)
            return self._is_blocked(name)

        self._crowd.run_until(is_blocked, seconds_max=120.0)

    def _is_blocked(self, name: Package) -> bool:
        row = self._store.package(SECTION, name)
        return row is not None and row.state not in WAITING


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--slaves", type=int, default=64, help="connected at once (default: 64)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second in all (default: 100)")
    parser.add_argument("--chains", type=int, default=20, help="how many results are followed (default: 20)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        opened = stack.enter_context(office(arguments.store))
        store = stack.enter_context(closing(opened.store()))
        crowd = stack.enter_context(Crowd(opened.session, opened.errors))
        chosen = list(chains(store))[: arguments.chains]
        names = ["reporter", *(f"slave{number}" for number in range(arguments.slaves))]
        crowd.connect_all(names, SECTION)
        reporter = next(client for client in crowd.clients if client.name == "reporter")
        traffic = Traffic(crowd, arguments.rate, [client for client in crowd.clients if client is not reporter])
        traffic.start()
        experiment = Experiment(crowd, store, reporter)
        for chain in chosen:
            experiment.measure(chain)
        traffic.is_on = False
        crowd.run_until_quiet()
    if not experiment.direct:
        raise LoadError("no chain of packages was left to measure")
    direct, rest = Latency.of(experiment.direct), Latency.of(experiment.rest)
    rows = [direct.row("until the direct dependent"), rest.row("until the dependent of that one")]
    beside = f"Beside it {len(traffic.reserves)} `reserve`, {traffic.in_vain} of them answered `error`."
    goals = [
        Goal(f"direct dependents at once on {arguments.store}: {direct.longest:.2f} s", direct.p99 <= DIRECT_SECONDS),
        Goal(f"the rest within {REST_SECONDS:.0f} s: {rest.longest:.1f} s", rest.longest <= REST_SECONDS),
        Goal(f"no `error` to a reserve meanwhile: {traffic.in_vain}", not traffic.in_vain),
    ]
    figures: dict[str, object] = {
        "store": arguments.store, "direct": asdict(direct), "rest": asdict(rest), "reserves": len(traffic.reserves),
        "errors": traffic.in_vain,
    }  # fmt: skip
    head = LATENCY_HEAD.replace("Reply to", "Time").replace("requests", "results")
    return show(figures, "\n".join([head, *rows, "", beside]), goals, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
