#!/usr/bin/python3
"""Random packages one after the other: apt and dpkg alone, `piufarm test` and piuparts, package by package.

Run it as root on a quiet machine: bench/tester_random.py [--packages N] [--seed N] [--no-piuparts]. All .debs are in
caches beforehand. Ours has the defaults of a farm: all checks, isolation, log and JSON. Nothing of a package's own is
used again; the layers of batches are measured by bench/tester_batch.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.tester.ground import Ground, folder_of, ground  # noqa: E402 (the clone is put on the path first)
from bench.tester.usage import Usage, mean, measured  # noqa: E402
from bench.tester_hello import piuparts_version  # noqa: E402
from piufarm.run import clean_environment  # noqa: E402

GOAL = 1.15


def piuparts(base: Ground, package: str) -> Usage:
    """The predecessor, as people run it; it fetches everything itself."""
    words: list[str | Path] = ["piuparts", "-d", base.mirror.suite, "-m", f"{base.mirror.uri} main", "-b", base.tarball]
    words += ["--no-upgrade-test", "--apt", package]
    return measured(words, clean_environment(), log=base.folder / "piuparts.log")


def main() -> int:
    """Measure and print; returns 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=int, default=50, help="how many (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="draws them (default: 1)")
    parser.add_argument("--folder", type=Path, help="keep what is fetched here (default: a temporary one)")
    parser.add_argument("--no-piuparts", action="store_true", help="leave the predecessor out")
    arguments = parser.parse_args()
    with folder_of(arguments.folder) as folder, ground(folder) as base:
        rows: list[tuple[Usage, ...]] = []
        for package in base.sample(arguments.seed, arguments.packages):
            sides = [base.floor(package), base.ours(package)]
            if not arguments.no_piuparts:
                sides.append(piuparts(base, package))
            rows.append(tuple(sides))
            told = "  ".join(f"{side.seconds:7.2f} s {side.core_seconds:7.2f} cs ({side.status})" for side in sides)
            print(f"{package:45} {told}", flush=True)
    names = ["apt and dpkg alone", "piufarm test", f"piuparts {piuparts_version()}"]
    print(f"| {len(rows)} random packages (seed {arguments.seed}) | mean time | mean core-seconds | x apt and dpkg |")
    print("|---|---|---|---|")
    floor = mean([row[0].seconds for row in rows])
    for number, side in enumerate(zip(*rows, strict=True)):
        seconds, cores = mean([used.seconds for used in side]), mean([used.core_seconds for used in side])
        print(f"| {names[number]} | {seconds:.2f} s | {cores:.2f} | {seconds / floor:.2f} |")
    ratio = mean([row[1].seconds for row in rows]) / floor
    print("goal reached" if ratio <= GOAL else f"{ratio:.2f}, {GOAL} was the goal")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
