#!/usr/bin/python3
"""Kill the master's programs at every fault point and at random moments, and see that nothing acknowledged is lost.

    bench/kills.py                        the whole campaign on both databases: some 15 minutes
    bench/kills.py --each 2 --random 20   a short one
    bench/kills.py --only sqlite --seed 7 what the plan of a seed does on one database

Several programs run at once on a small archive that keeps changing: sessions of scripted slaves, refresh, evaluate and
others. Each is killed where the plan says; some points fail as with a full or a broken disk instead. After every few
rounds the master has to have all that it has acknowledged. Ends with 1 if a promise was broken; its folder stays then.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.killing.archive import changing_archive  # noqa: E402 (the clone is put on the path first)
from bench.killing.campaign import AT_RANDOM, Tally, Target, new_campaign, new_oracle  # noqa: E402
from bench.killing.databases import KINDS, database  # noqa: E402
from bench.killing.points import fault_points  # noqa: E402
from bench.killing.programs import SESSION, Programs  # noqa: E402
from bench.killing.record import Record, read_records, write_records  # noqa: E402
from bench.killing.report import table, write_into  # noqa: E402
from bench.killing.world import World  # noqa: E402
from piufarm.faults import Action  # noqa: E402

_PACKAGES: Final = 300
_ROUNDS_BETWEEN_LOOKS: Final = 10
_DOCUMENT: Final = CLONE / "docs" / "reliability.md"


def campaign(kind: str, directory: Path, arguments: argparse.Namespace, tell: Callable[[str], None]) -> Tally:
    """A whole campaign on one kind of database."""
    chance = Random(f"{arguments.seed} {kind}")
    with (
        changing_archive(directory, Random(chance.random()), _PACKAGES) as (archive, server),
        database(kind, directory, Random(chance.random())) as place,
    ):
        world = World(directory, place.state, server.url)
        programs = Programs(world, archive, directory / "older", new_oracle(), Random(chance.random()))
        one = new_campaign(world, place, programs, chance, tell=tell, seconds=60 * arguments.minutes)
        one.explore(turns=2)
        moves = [point for point in fault_points() if point.startswith("move.")]
        wanted = [point for point in moves if fnmatchcase(point, arguments.points)]
        one.plan_moves([point for point in wanted for _ in range(arguments.each)])
        one.run(_at_random(one.passed, arguments, chance), batch=_ROUNDS_BETWEEN_LOOKS, accidents=arguments.accidents)
        aimed = set(moves)
        while (seen := set().union(*one.passed.values()) - aimed) and not one.is_over():  # rare ones turn up late
            points = [point for point in sorted(seen) if fnmatchcase(point, arguments.points)]
            targets = _targets(one.passed, points, arguments, chance)
            tell(f"{len(targets)} targets at {len(points)} points")
            one.run(targets, batch=_ROUNDS_BETWEEN_LOOKS)
            aimed |= seen
        world.kill_evaluators()
        tell(f"points that were not seen: {', '.join(sorted(fault_points().keys() - aimed)) or 'none'}")
        return one.tally


def _targets(
    passed: Mapping[str, set[str]], points: Sequence[str], arguments: argparse.Namespace, chance: Random
) -> Sequence[Target]:
    """Each point in one of the programs that pass it."""
    targets = []
    for point in points:
        programs = [program for program in passed if point in passed[program]]
        weights = [5 if program == SESSION else 1 for program in programs]
        # those of one database alone are aimed at there as often as others in both
        times = len(KINDS) if point.startswith("store.") else 1
        targets += [Target(one, point) for one in chance.choices(programs, weights, k=times * arguments.each)]
        failures = chance.choices((Action.ENOSPC, Action.EIO), k=arguments.failures)
        targets += [Target(chance.choice(programs), point, failure) for failure in failures]
    return targets


def _at_random(passed: Mapping[str, set[str]], arguments: argparse.Namespace, chance: Random) -> Sequence[Target]:
    """Programs at random moments, sessions first of all."""
    programs = [program for program in passed if passed[program]]
    weights = [10 if program == SESSION else 1 for program in programs]
    return [Target(one, AT_RANDOM) for one in chance.choices(programs, weights, k=arguments.random)]


def tally_of(kind: str, arguments: argparse.Namespace) -> Tally:
    """A whole campaign in a folder of its own, which stays if a promise was broken."""
    directory = Path(tempfile.mkdtemp(prefix=f"kills-{kind}-"))
    directory.chmod(0o755)
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{kind} {time.monotonic() - began:5.0f} s  {text}", flush=True)

    tally = campaign(kind, directory, arguments, tell)
    for target in tally.missed:
        tell(f"missed: {' '.join(target)}")
    for problem in tally.problems:
        tell(f"BROKEN: {problem}")
    if not tally.problems:
        shutil.rmtree(directory)
    return tally


def main() -> int:
    """Run the campaign; returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="decides the plan (default: 1)")
    parser.add_argument("--each", type=int, default=12, help="kills at each point and database (default: 12)")
    parser.add_argument("--failures", type=int, default=2, help="failing disks at each point (default: 2)")
    parser.add_argument("--random", type=int, default=250, help="kills at random moments (default: 250)")
    parser.add_argument("--accidents", type=int, default=40, help="killed evaluators and servers (default: 40)")
    parser.add_argument("--points", metavar="GLOB", default="*", help="aim at these points only")
    parser.add_argument("--only", choices=KINDS, help="one kind of database instead of all")
    parser.add_argument("--minutes", type=float, default=60, help="end then at the latest (default: 60)")
    parser.add_argument("--records", metavar="FILE", type=Path, help="add to what earlier campaigns have left there")
    parser.add_argument("--write", action="store_true", help=f"put the table into {_DOCUMENT.name}")
    arguments = parser.parse_args()
    kinds = [arguments.only] if arguments.only else list(KINDS)
    with ThreadPoolExecutor(len(kinds)) as pool:
        tallies = dict(zip(kinds, pool.map(lambda kind: tally_of(kind, arguments), kinds), strict=True))
    records = read_records(arguments.records) if arguments.records else {}
    for kind, tally in tallies.items():
        records.setdefault(kind, Record()).add(tally, arguments.seed)
    if arguments.records:
        write_records(arguments.records, records)
    text = table(records)
    print(f"\n{text}")
    if arguments.write:
        write_into(_DOCUMENT, text)
    return 1 if any(tally.problems for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
