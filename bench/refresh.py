#!/usr/bin/python3
"""A refresh from cold, states and order included, beside piuparts-master, which does the same in each session.

Nothing is cached: indexes are fetched, verified, unpacked, parsed, evaluated and stored. Then once more when nothing
has changed, and once when everything has. Of piuparts-master, the time to the first answer of a session counts. What
the server of PostgreSQL does for ours shows in the wall time alone.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.figures import Goal, arguments_of, show  # noqa: E402 (the clone is put on the path first)
from bench.load.meter import Taken, run_to_end  # noqa: E402
from bench.load.office import STORES, empty_office  # noqa: E402
from bench.load.peer import Peer  # noqa: E402

GOAL_CPU_SECONDS: Final = 6.0
GOAL_MB: Final = 350
_HEAD: Final = "| refresh | wall | CPU | memory | times faster (wall) | of the CPU |\n|---|---|---|---|---|---|"


@dataclass
class Rounds:
    """What several rounds of the same took."""

    name: str
    taken: list[Taken] = field(default_factory=list)

    @property
    def median(self) -> Taken:
        """Of each figure."""
        return Taken(*(statistics.median(getattr(one, name) for one in self.taken) for name in asdict(self.taken[0])))

    def row(self, peer: Taken | None) -> str:
        """A row of the table."""
        mine = self.median
        ratios = ["–", "–"]
        if peer is not None and peer is not mine:
            ratios = [f"{peer.seconds / mine.seconds:.1f}", f"{peer.cpu_seconds / mine.cpu_seconds:.1f}"]
        return (
            f"| {self.name} | {mine.seconds:.2f} s | {mine.cpu_seconds:.2f} s | {mine.rss_mb:.0f} MB |"
            f" {' | '.join(ratios)} |"
        )


def measure(store: str, suite: str, rounds: int) -> list[Rounds]:
    """Ours on a store: from cold, with nothing new, with everything new."""
    cold, unchanged, changed = (Rounds(f"{store}, {what}") for what in ("from cold", "nothing new", "all new"))
    for _ in range(rounds):
        with empty_office(store, suite) as office:
            cold.taken.append(run_to_end(office.command("refresh")))
            unchanged.taken.append(run_to_end(office.command("refresh")))
            changed.taken.append(run_to_end(office.command("refresh", config=office.other_config)))
        print(".", end="", file=sys.stderr, flush=True)
    return [cold, unchanged, changed]


def measure_peer(suite: str, rounds: int) -> Rounds:
    """The first `reserve` of sessions of piuparts-master."""
    with empty_office("sqlite") as office:
        peer = Peer(office.folder, suite)
        found = Rounds(f"{peer.name}, in each session")
        for _ in range(rounds):
            found.taken.append(peer.first_reserve())
            print(".", end="", file=sys.stderr, flush=True)
    return found


def goals(found: Sequence[Rounds]) -> list[Goal]:
    """What was to be reached from cold."""
    cold = found[0].median
    cpu, memory = cold.cpu_seconds, cold.rss_mb
    return [
        Goal(f"{found[0].name}: {cpu:.1f} of {GOAL_CPU_SECONDS:g} s CPU", cpu <= GOAL_CPU_SECONDS),
        Goal(f"{found[0].name}: {memory:.0f} of {GOAL_MB} MB", memory <= GOAL_MB),
    ]


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = arguments_of(__doc__, stores=(*STORES, "both"), with_suite=True)
    parser.add_argument("--rounds", type=int, default=3, help="of ours (default: 3)")
    parser.add_argument("--peer-rounds", type=int, default=1, help="of piuparts-master, a minute each (default: 1)")
    arguments = parser.parse_args()
    peer = [measure_peer(arguments.suite, arguments.peer_rounds)] if arguments.peer_rounds else []
    stores = STORES if arguments.store == "both" else (arguments.store,)
    ours = [measure(store, arguments.suite, arguments.rounds) for store in stores]
    print(file=sys.stderr)
    theirs = peer[0].median if peer else None
    rows = [rounds.row(None) for rounds in peer] + [rounds.row(theirs) for found in ours for rounds in found]
    figures: dict[str, object] = {
        rounds.name: [asdict(one) for one in rounds.taken] for found in (peer, *ours) for rounds in found
    }
    table = "\n".join((_HEAD, *rows))
    return show(figures, table, [goal for found in ours for goal in goals(found)], as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
