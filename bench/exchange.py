#!/usr/bin/python3
"""Taking an installation of piuparts over, and writing one: a section of 75,000 logs of 15 to 20 kB, 7,500 archived.

bench/exchange.py [--logs N] [--directory DIR]. The installation is made in DIR (default: a new temporary folder), taken
over by copies, looked at again, exported, and taken over in place. Each step is a process of its own.
"""

from __future__ import annotations

import argparse
import lzma
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.load.meter import run_to_end  # noqa: E402 (the clone is put on the path first)

PIUFARM: Final = CLONE / "bin" / "piufarm"
GOALS: Final = {"import": 75.0, "import again": 5.0}  # CPU seconds of 75,000 logs
_PLACES: Final = ("pass", "fail", "untestable", "bugged", "affected")
_SHARES: Final = (90, 5, 1, 3, 1)
_LINE: Final = "0m{0}.0s DEBUG: Command ok: ['chroot', '/srv/piuparts/tmp/tmp{0}', 'true']\n"


def make_installation(root: Path, logs: int) -> None:
    """A section `sid` as piuparts-master leaves it, the same at each run."""
    chance = random.Random(1)
    section = root / "sid"
    for place in (*_PLACES, "reserved", "recycle"):
        (section / place).mkdir(parents=True)
    for place in _PLACES:
        (section / "archive" / place).mkdir(parents=True)
    body = "".join(map(_LINE.format, range(400))).encode()
    with (section / "submissions.txt").open("w") as submissions:
        for number in range(logs):
            _make_log(section, f"pkg{number:05}", body[: chance.randint(15_000, 20_000)], chance, submissions.write)
            if number % 10 == 0:
                old = section / "archive" / "pass" / f"pkg{number:05}_0.9-1.log.xz"
                old.write_bytes(lzma.compress(body[:2000], preset=0))


def _make_log(section: Path, name: str, body: bytes, chance: random.Random, note: Callable[[str], object]) -> None:
    (place,) = chance.choices(_PLACES, _SHARES)
    outcome = "fail" if place in ("bugged", "affected") else place
    version = f"1:{chance.randint(0, 9)}.{chance.randint(0, 99)}~rc1-1+b1"
    when = 1_700_000_000 + chance.randint(0, 10**7)
    log = section / place / f"{name}_{version}.log"
    end = f"\nret=0\nEnd: 2023-11-20 05:03:{chance.randint(10, 59)} GMT\n".encode()
    log.write_bytes(b"Start: 2023-11-20 05:02:37 GMT\n\nExecuting: piuparts\n" + body + end)
    os.utime(log, (when, when))
    if outcome == "fail":
        log.with_suffix(".kpr").write_text(f"{place}/{log.name} command_not_found_error.conf\n")
    note(f"{when} {outcome} {name} {version}\n")


def configuration(directory: Path, master: Path) -> Path:
    """A piuparts.conf with this master-directory."""
    path = directory / f"{master.name}.conf"
    path.write_text(f"[global]\nsections = sid\nmaster-directory = {master}\n[sid]\ndistro = sid\n")
    return path


def main() -> int:
    """Measure and print; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=75_000, help="how many logs (default: 75000)")
    parser.add_argument("--directory", type=Path, help="where to work (default: a new temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.directory) as name:
        folder = Path(name)
        theirs = folder / "theirs"
        print(f"making {arguments.logs} logs", flush=True)
        make_installation(theirs, arguments.logs)
        copied = ("--config", configuration(folder, folder / "ours"))
        in_place = ("--config", configuration(folder, theirs))
        steps = [
            ("import", run_to_end([PIUFARM, "master", "import", theirs, *copied])),
            ("import again", run_to_end([PIUFARM, "master", "import", theirs, *copied])),
            ("export", run_to_end([PIUFARM, "master", "export", folder / "back", *copied])),
        ]
        shutil.rmtree(folder / "back")
        steps.append(
            ("import --in-place", run_to_end([PIUFARM, "master", "import", theirs, "--in-place", *in_place]))
        )
    print(f"\n| {arguments.logs} logs | time | CPU | memory |\n|---|---|---|---|")
    for what, taken in steps:
        print(f"| {what} | {taken.seconds:.1f} s | {taken.cpu_seconds:.1f} s | {taken.rss_mb:.0f} MB |")
    missed = [
        what for what, taken in steps if what in GOALS and taken.cpu_seconds * 75_000 / arguments.logs > GOALS[what]
    ]
    for what in missed:
        print(f"goal missed: {what}, {GOALS[what]:.0f} s of CPU")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
