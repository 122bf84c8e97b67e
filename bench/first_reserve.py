#!/usr/bin/python3
"""From the start of a session to its first package, beside piuparts-master: nothing tested, and 75,000 results.

Both have the suite as the host's mirror has it, and the same results: logs in the folders of piuparts-master, taken
over by `piufarm master import`. The peer computes everything in each session; ours has done so when results came in.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.figures import Goal, arguments_of, show  # noqa: E402 (the clone is put on the path first)
from bench.load.meter import Taken  # noqa: E402
from bench.load.office import SECTION, STORES, Office, empty_office  # noqa: E402
from bench.load.peer import Peer, first_reserve  # noqa: E402
from piufarm.names import Package, Version, log_name  # noqa: E402
from piufarm.run import run  # noqa: E402

GOAL_SECONDS: Final = 0.15
GOAL_MB: Final = 60
_LINKS_MAX: Final = 30_000  # of one file; file systems allow some more
_SHARES: Final = {"pass": 0.94, "fail": 0.05, "untestable": 0.01}
_HEAD: Final = "| first `reserve` | results | wall | CPU | memory | times faster |\n|---|---|---|---|---|---|"

Found = dict[tuple[str, int], list[Taken]]  # by who and with how many results


def write_results(versions: Mapping[str, str], folder: Path, count: int) -> None:
    """Logs of so many packages, the same at each call; many names of few files."""
    chance = random.Random(count)
    chosen = chance.sample(sorted(versions), count)
    log = folder / "log"
    for number, name in enumerate(chosen):
        if number % _LINKS_MAX == 0:
            log.unlink(missing_ok=True)
            log.write_text(f"0m0.0s INFO: a log of the benchmark, number {number}\n")
        (outcome,) = chance.choices(list(_SHARES), list(_SHARES.values()))
        place = folder / outcome
        place.mkdir(exist_ok=True)
        os.link(log, place / log_name(Package(name), Version(versions[name])))
    log.unlink(missing_ok=True)


def measure(arguments: argparse.Namespace, store: str, peer_rounds: int) -> Found:
    """Ours on a store, and the peer, with these numbers of results."""
    found: Found = {}
    with empty_office(store, arguments.suite) as office:
        office.refresh()
        opened = office.store()
        versions = opened.versions(SECTION)
        opened.close()
        peer = Peer(office.folder, arguments.suite)
        for count in arguments.results:
            if count:
                _have_results(office, peer, versions, count)
            found[store, count] = _repeat(lambda: first_reserve(office.session("bench")), arguments.rounds)
            if peer_rounds:
                found[peer.name, count] = _repeat(peer.first_reserve, peer_rounds)
    return found


def _have_results(office: Office, peer: Peer, versions: Mapping[str, str], count: int) -> None:
    section = peer.master / SECTION
    section.mkdir(exist_ok=True)
    for marker in section.glob("reserved/*"):  # of the measurement before
        marker.unlink()
    write_results(versions, section, count)
    run(office.command("import", str(peer.master)))
    run(office.command("evaluate"))


def _repeat(once: Callable[[], Taken], rounds: int) -> list[Taken]:
    taken = []
    for _ in range(rounds):
        taken.append(once())
        print(".", end="", file=sys.stderr, flush=True)
    return taken


def median(taken: Sequence[Taken]) -> Taken:
    """Of each figure."""
    return Taken(*(statistics.median(getattr(one, name) for one in taken) for name in asdict(taken[0])))


def table(found: Found) -> str:
    """Who took how long, as Markdown."""
    rows = []
    theirs = {count: median(taken) for (name, count), taken in found.items() if name not in STORES}
    for (name, count), taken in sorted(found.items(), key=lambda item: (item[0][1], item[0][0] in STORES)):
        mine = median(taken)
        faster = f"{theirs[count].seconds / mine.seconds:.0f}" if name in STORES and count in theirs else "–"
        figures = f"{mine.seconds:.3f} s | {mine.cpu_seconds:.2f} s | {mine.rss_mb:.0f} MB"
        rows.append(f"| {name} | {count:,} | {figures} | {faster} |")
    return "\n".join((_HEAD, *rows))


def goals(found: Found) -> list[Goal]:
    """What was to be reached."""
    reached = []
    for (name, count), taken in found.items():
        if name in STORES:
            mine = median(taken)
            what = f"{name}, {count:,} results"
            reached += [
                Goal(f"{what}: {mine.seconds:.3f} of {GOAL_SECONDS:g} s", mine.seconds <= GOAL_SECONDS),
                Goal(f"{what}: {mine.rss_mb:.0f} of {GOAL_MB} MB", mine.rss_mb <= GOAL_MB),
            ]
    return reached


def main() -> int:
    """Measure and print; 1 if a goal is missed."""
    parser = arguments_of(__doc__, stores=(*STORES, "both"), with_suite=True)
    parser.add_argument("--rounds", type=int, default=9, help="of ours, the median counts (default: 9)")
    parser.add_argument("--peer-rounds", type=int, default=1, help="of piuparts-master, a minute each (default: 1)")
    parser.add_argument("--results", type=int, nargs="+", default=[0, 75_000], help="default: 0 75000")
    arguments = parser.parse_args()
    found: Found = {}
    for number, store in enumerate(STORES if arguments.store == "both" else (arguments.store,)):
        # the peer has no store: once is enough
        found |= measure(arguments, store, 0 if number else arguments.peer_rounds)
    print(file=sys.stderr)
    figures: dict[str, object] = {
        f"{name}, {count} results": [asdict(one) for one in taken] for (name, count), taken in found.items()
    }
    return show(figures, table(found), goals(found), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
