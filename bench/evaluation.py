#!/usr/bin/python3
"""The states of a whole archive, computed: from nothing but its indexes, with many results, and after one more result.

Each situation has a process of its own. CPU is that of the computation alone (graph, states, weights, reasons); memory
is what it adds at its peak to the packages that it begins with.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.figures import Goal, show  # noqa: E402 (the clone is put on the path first)
from piufarm.archive.cache import IndexCache  # noqa: E402
from piufarm.archive.fetch import Fetcher  # noqa: E402
from piufarm.archive.mirror import default_mirror  # noqa: E402
from piufarm.archive.suite import section_indexes  # noqa: E402
from piufarm.config.distros import load_distros  # noqa: E402
from piufarm.config.load import load  # noqa: E402
from piufarm.master.refresh.archive_view import ArchiveView  # noqa: E402
from piufarm.master.refresh.fresh_snapshot import fresh_snapshot  # noqa: E402
from piufarm.master.states.evaluation import evaluate  # noqa: E402
from piufarm.master.states.graph import Graph  # noqa: E402
from piufarm.names import Package, SectionName  # noqa: E402
from piufarm.outcome import Outcome  # noqa: E402
from piufarm.run import run  # noqa: E402
from piufarm.states import PackageState  # noqa: E402
from piufarm.store.evaluations import Circumstances  # noqa: E402
from piufarm.store.model import IndexPackage, Snapshot  # noqa: E402

GOAL_CPU_SECONDS: Final = 2.2
GOAL_MB: Final = 150
SITUATIONS: Final = ("nothing tested", "10 % tested", "all tested", "all to be tested again", "one more result")
_COLUMNS: Final = ("States of", "packages", "situation", "CPU", "memory", "can be tested", "wait", "blocked")
_PASSES: Final = 0.97
_KILO: Final = 1024


@dataclass(frozen=True)
class Figures:
    """What one computation took, and what came of it."""

    suite: str
    situation: str
    packages: int
    cpu_seconds: float
    mb: float
    ready: int
    waiting: int
    blocked: int

    def row(self) -> str:
        """Of a Markdown table."""
        return (
            f"| {self.suite} | {self.packages:,} | {self.situation} | {self.cpu_seconds:.2f} s | {self.mb:.0f} MB |"
            f" {self.ready:,} | {self.waiting:,} | {self.blocked:,} |"
        )


def measure(suite: str, situation: str) -> Figures:
    """One computation, in this process."""
    gc.disable()  # as all who compute states do
    packages = _packages(suite)
    known = _known(packages, situation)
    snapshot, graph = fresh_snapshot(packages, known), None
    if situation == "one more result":
        snapshot, graph = _one_more(snapshot)
    begin, before = time.process_time(), _mb("VmRSS")
    states = evaluate(snapshot, graph)
    cpu = time.process_time() - begin
    found = [states.get(Package(node.name), node.stored).state for node in snapshot.nodes]
    ready = found.count(PackageState.WAITING_TO_BE_TESTED)
    waiting = found.count(PackageState.WAITING_FOR_DEPENDENCY)
    blocked = sum(1 for state in found if state.startswith("dependency-"))
    return Figures(suite, situation, len(packages), cpu, _mb("VmHWM") - before, ready, waiting, blocked)


def _one_more(snapshot: Snapshot) -> tuple[Snapshot, Graph]:
    """The evaluated snapshot after a further pass, and the graph that was kept."""
    graph = Graph(snapshot)
    states = evaluate(snapshot, graph)
    nodes = [node._replace(stored=states[Package(node.name)]) for node in snapshot.nodes]
    ready = next(place for place, node in enumerate(nodes) if node.stored.state is PackageState.WAITING_TO_BE_TESTED)
    nodes[ready] = nodes[ready]._replace(outcome=Outcome.PASS)
    later = replace(snapshot, nodes=nodes)
    return later, graph.after(later)


def _packages(suite: str) -> Sequence[IndexPackage]:
    """As the host's mirror has them; the indexes are kept in the clone's cache."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = Path(folder) / "piuparts.conf"
        config.write_text(
            f"[global]\nsections = {suite}\nmaster-directory = {folder}\n"
            f"[{suite}]\nmirror = {default_mirror().uri}\ndistro = {suite}\n"
        )
        configuration = load(config)
        section = configuration.sections[SectionName(suite)]
        cache = IndexCache(CLONE / ".cache" / "bench-indexes", Fetcher())
        indexes = section_indexes(section, load_distros(config=config), suite, cache)
        return ArchiveView(section, indexes, None).read().packages


def _known(packages: Sequence[IndexPackage], situation: str) -> Circumstances:
    chance = random.Random(situation)
    tested = {"10 % tested": 0.1, "one more result": 0.1}.get(situation, float(situation != "nothing tested"))
    outcomes: Mapping[tuple[str, str], Outcome] = {
        (package.name, package.test_version): Outcome.PASS if chance.random() < _PASSES else Outcome.FAIL
        for package in packages
        if chance.random() < tested
    }
    return Circumstances(1, outcomes, frozenset(outcomes) if "again" in situation else frozenset(), ())


def _mb(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / _KILO


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", default=["sid", "bookworm"], help="suites of the host's mirror")
    parser.add_argument("--rounds", type=int, default=3, help="of each, of which the fastest counts (default: 3)")
    parser.add_argument("--situation", choices=SITUATIONS, help="only this one, in this process, as JSON")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if arguments.situation:
        print(json.dumps(asdict(measure(arguments.suites[0], arguments.situation))))
        return 0
    found = [_best(suite, situation, arguments.rounds) for suite in arguments.suites for situation in SITUATIONS]
    print(file=sys.stderr)
    cold = [one for one in found if one.suite == "sid" and one.situation == SITUATIONS[0]]
    goals = [
        Goal(f"{one.cpu_seconds:.1f} of {GOAL_CPU_SECONDS} s CPU, {one.mb:.0f} of {GOAL_MB} MB", _is_reached(one))
        for one in cold
    ]
    table = "\n".join([f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}", *(one.row() for one in found)])
    return show({"evaluation": [asdict(one) for one in found]}, table, goals, as_json=arguments.json)


def _best(suite: str, situation: str, rounds: int) -> Figures:
    found = []
    for _ in range(rounds):
        measured = run([sys.executable, Path(__file__), suite, "--situation", situation])
        found.append(Figures(**json.loads(measured.stdout)))
        print(".", end="", file=sys.stderr, flush=True)
    return min(found, key=lambda figures: figures.cpu_seconds)


def _is_reached(cold: Figures) -> bool:
    return cold.cpu_seconds <= GOAL_CPU_SECONDS and cold.mb <= GOAL_MB


if __name__ == "__main__":
    sys.exit(main())
