#!/usr/bin/python3
"""A batch of random packages on two slaves' worth of testers, with layers, beside apt and dpkg alone.

Run it as root: bench/tester_batch.py [--packages N] [--seed N]. The batch is halved; each half is planned, ordered and
tested as a slave does it, two testers at a time, from empty caches of layers: planning and making layers are counted.
After each test, apt and dpkg alone have the same package. What counts are core-seconds, user and system time of all
processes. All .debs are in caches beforehand.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.tester.ground import PIUFARM, Ground, folder_of, ground  # noqa: E402 (the clone is put on the path first)
from bench.tester.usage import Usage, mean, measured  # noqa: E402
from piufarm.names import Package, Version  # noqa: E402
from piufarm.slave.job.outlook import Outlook  # noqa: E402
from piufarm.slave.spool import Reserved  # noqa: E402

GOAL = 0.6


@dataclass
class Slave:
    """One half of the batch."""

    base: Ground
    folder: Path
    entries: list[Reserved]
    recheck_every: int
    planning: float = 0.0  # core-seconds
    tests: list[Usage] = field(default_factory=list)
    floors: list[Usage] = field(default_factory=list)
    layers: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def work(self) -> None:
        """Plan and test."""
        self.folder.mkdir()
        outlook = Outlook(self.folder / "plan.json", self.recheck_every)
        for entry in outlook.look(self.entries, lambda: self._plan(outlook.path)):
            result = self.folder / "result.json"
            words = [PIUFARM, "test", *self.base.words, "--result", result, *outlook.words(entry), "--apt"]
            used = measured([*words, f"{entry.package}={entry.version}"], self.base.environment(),
                            log=self.folder / "test.log")
            self.tests.append(used)
            self.floors.append(floor := self.base.floor(str(entry.package)))
            for use in json.loads(result.read_text())["layers"]:
                self.layers["counted" if use["counts"] else use["reason"] or "rechecked"] += 1
                self.differences += use["differences"]
            print(f"{entry.package:45} {used.core_seconds:7.2f} {floor.core_seconds:7.2f} ({used.status})", flush=True)
        outlook.close()

    def _plan(self, path: Path) -> bool:
        names = [f"{entry.package}={entry.version}" for entry in self.entries]
        words = [PIUFARM, "test", *self.base.words, "--plan-layers", path, "--apt", *names]
        used = measured(words, self.base.environment(), log=self.folder / "plan.log")
        self.planning = used.core_seconds
        return used.status == 0


def main() -> int:
    """Measure and print; returns 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, default=2, help="draws them (default: 2)")
    parser.add_argument("--folder", type=Path, help="keep what is fetched here (default: a temporary one)")
    parser.add_argument("--recheck", type=int, default=50, help="each how manyth test is rechecked (default: 50)")
    arguments = parser.parse_args()
    with folder_of(arguments.folder) as folder, ground(folder) as base:
        drawn = base.sample(arguments.seed, arguments.packages)
        entries = [Reserved(Package(name), Version(base.versions[name])) for name in drawn]
        slaves = [
            Slave(base, base.folder / f"slave-{number}", entries[number::2], arguments.recheck) for number in (0, 1)
        ]
        threads = [threading.Thread(target=slave.work) for slave in slaves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    planning = sum(slave.planning for slave in slaves) / len(drawn)
    ours = planning + mean([used.core_seconds for slave in slaves for used in slave.tests])
    floor = mean([used.core_seconds for slave in slaves for used in slave.floors])
    print(f"| {len(drawn)} random packages (seed {arguments.seed}), 2 testers at a time | mean core-seconds | x |")
    print("|---|---|---|")
    print(f"| apt and dpkg alone | {floor:.2f} | 1 |")
    print(f"| piufarm, with layers ({planning:.2f} of it planning) | {ours:.2f} | {ours / floor:.2f} |")
    print(f"tests on layers: {dict(sum((slave.layers for slave in slaves), Counter()))}")
    print("\n".join(text for slave in slaves for text in slave.differences))
    return 0 if ours <= GOAL * floor else 1


if __name__ == "__main__":
    sys.exit(main())
