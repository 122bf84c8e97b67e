#!/usr/bin/python3
"""Kill the master's programs at every fault point and at random moments, and see that nothing acknowledged is lost.

    bench/kills.py [--seed N] [--each N] [--random N] [--state URL]

Prints a table for docs/reliability.md; ends with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.killing.archive import changing_archive  # noqa: E402 (the clone is put on the path first)
from bench.killing.campaign import AT_RANDOM, Campaign, Target  # noqa: E402
from bench.killing.points import fault_points  # noqa: E402
from bench.killing.world import World  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=20, help="kills at each point")
    parser.add_argument("--random", type=int, default=200, help="kills at random moments")
    parser.add_argument("--directory", type=Path)
    arguments = parser.parse_args()
    chance = Random(arguments.seed)
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="kills-"))
    began = time.monotonic()
    with changing_archive(directory, Random(chance.random()), 120) as (archive, server):
        world = World(directory, f"sqlite://{directory}/farm.sqlite", server.url)
        campaign = Campaign(world, archive, chance, lambda text: print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True))
        campaign.begin()
        passed = campaign.calibrate(["session", "refresh", "evaluate"])
        print({program: len(points) for program, points in passed.items()})
        points = fault_points()
        missing = set(points) - set().union(*passed.values())
        print("not visited:", missing)
        targets = []
        for point in points:
            programs = [program for program, passing in passed.items() if point in passing]
            if programs:
                targets += [Target(chance.choice(programs), point) for _ in range(arguments.each)]
        targets += [Target("session", AT_RANDOM) for _ in range(arguments.random)]
        campaign.run(targets, batch=10)
    print(campaign.tally.by_point(), campaign.tally.by_stage(), campaign.judge.mended, campaign.tally.survived)
    for problem in campaign.tally.problems:
        print(problem)
    return 1 if campaign.tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
