#!/usr/bin/python3
"""An upgrade of a small package from suite to suite: `piufarm test` beside piuparts, both with their reference kept.

Run it as root on a quiet machine: bench/tester_distupgrade.py [--rounds N] [--package NAME…] [--suite SUITE…]. Each
writes its reference (-S) in a first run that does not count; the rounds that follow alternate and read it (-B). The
median counts, in wall time and in CPU time of all processes. `the long way` is ours where it upgrades the base itself,
which it does for packages that are not inert; with packages of your own you see which way they go.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.comparing.bases import base_tarball  # noqa: E402 (the clone is put on the path first)
from bench.comparing.sample import index, listed  # noqa: E402
from piufarm.archive.mirror import default_mirror  # noqa: E402
from piufarm.errors import FarmError  # noqa: E402
from piufarm.run import DEVNULL, clean_environment, run, spawn  # noqa: E402

PIUFARM: Final = CLONE / "bin" / "piufarm"
GOAL: Final = 5.0
_NAMESPACES: Final = ("unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc")


@dataclass
class Tester:
    """A way of testing, and how long it took in each round."""

    name: str
    words: Sequence[str | Path]
    meta: Path
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def work(self, package: str) -> None:
        """One round. Raises FarmError if the package does not pass."""
        option = "-B" if self.meta.exists() else "-S"
        words = [*self.words, option, self.meta, "--apt", package]
        with tempfile.NamedTemporaryFile() as log:
            start = time.monotonic()
            child = spawn(words, env=clean_environment(), stdin=DEVNULL, stdout=log, stderr=log)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - start
            if child.returncode != 0:
                end = Path(log.name).read_text("utf-8", "backslashreplace")[-2000:]
                raise FarmError(f"{self.name} does not pass {package}:\n{end}", hint="choose another --package")
        self.wall.append(seconds)
        self.cpu.append(usage.ru_utime + usage.ru_stime)

    def forget(self) -> None:
        """The rounds so far do not count."""
        self.wall.clear()
        self.cpu.clear()


def table(testers: Sequence[Tester], package: str, suites: Sequence[str]) -> str:
    """The medians, as Markdown."""
    theirs = testers[0]
    way = " to ".join(suites)
    lines = [f"| {package}, {way} | wall | CPU | x faster (wall) | x faster (CPU) |", "|---|---|---|---|---|"]
    for tester in testers:
        wall, cpu = statistics.median(tester.wall), statistics.median(tester.cpu)
        ratios = (statistics.median(theirs.wall) / wall, statistics.median(theirs.cpu) / cpu)
        lines.append(f"| {tester.name} | {wall:.2f} s | {cpu:.2f} s | {ratios[0]:.1f} | {ratios[1]:.1f} |")
    return "\n".join(lines)


def testers(folder: Path, base: Path, suites: Sequence[str], package: str) -> list[Tester]:
    """Both, and ours the long way: an empty folder of scripts is enough to have it see the whole upgrade."""
    mirror = default_mirror()
    place = folder / re.sub(r"\W", "-", package)
    scripts = place / "scripts"
    scripts.mkdir(parents=True)
    suite_words = [word for suite in suites for word in ("-d", suite)]
    common: list[str | Path] = [*suite_words, "-m", f"{mirror.uri} main", "-b", base]
    version = run(["piuparts", "--version"]).stdout.decode().split()[-1]
    peer = [*_NAMESPACES, "piuparts", *common, "--no-check-valid-until"]
    ours = [PIUFARM, "test", "--compat", *common, "--no-check-valid-until"]
    return [
        Tester(f"piuparts {version}", peer, place / "peer"),
        Tester("piufarm", ours, place / "ours"),
        Tester("piufarm, the long way", [*ours, "--scriptsdir", scripts], place / "long"),
    ]


def main() -> int:
    """Measure and print; returns 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--package", action="append", help="package of the archive, several times (default: hello)")
    parser.add_argument("--suite", action="append", help="suites, in order (default: bookworm and trixie)")
    parser.add_argument("--bases", metavar="DIR", type=Path, default=CLONE / ".cache", help="where bases are kept")
    arguments = parser.parse_args()
    suites = arguments.suite or ["bookworm", "trixie"]
    packages = index(default_mirror(), suites[-1], CLONE / ".cache" / "bench-indexes")
    base = base_tarball(arguments.bases, default_mirror(), suites[0])
    missed = False
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for candidate in listed(packages, arguments.package or ["hello"]):
            package = f"{candidate.name}={candidate.version}"
            compared = testers(Path(folder), base, suites, package)
            for number in range(arguments.rounds + 1):
                for tester in compared:
                    tester.work(package)
                    if not number:
                        tester.forget()
                print("." if number else "references made, ", end="", flush=True)
            print(f"\n{table(compared, package, suites)}\n")
            peer, ours, _ = compared
            missed |= statistics.median(peer.wall) / statistics.median(ours.wall) < GOAL
    print(f"{GOAL:g} times faster was the goal: {'missed' if missed else 'reached'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
