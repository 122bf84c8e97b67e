#!/usr/bin/python3
"""One install and purge of a package: `piufarm test` beside piuparts, on the same base, in the same run.

Run it as root on a quiet machine: bench/tester_hello.py [--rounds N] [--package NAME]. The rounds alternate, the
fastest and the median of each are shown. piuparts works as people run it, in its default folder; ours has every check
and its isolation on. The schroot column runs as an unprivileged account, with a schroot made and removed here.
"""

from __future__ import annotations

import argparse
import json
import pwd
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from piufarm.archive.mirror import Mirror, default_mirror  # noqa: E402 (the clone is put on the path first)
from piufarm.run import clean_environment, run  # noqa: E402

PIUFARM: Final = CLONE / "bin" / "piufarm"
ACCOUNT: Final = "nobody"
ARCH_LABEL: Final = "bench"  # keeps the schroot's name apart from that of a real one
GOALS: Final = {"overlay": 1.0, "schroot": 1.5}  # seconds


@dataclass
class Runner:
    """A way of testing the package, and how long it took in each round."""

    name: str
    words: Sequence[str | Path]
    result: Path | None = None
    seconds: list[float] = field(default_factory=list)
    in_apt: list[float] = field(default_factory=list)  # seconds in the phases that call apt and dpkg

    def work(self, environment: dict[str, str]) -> None:
        """One round. Raises CommandFailed if the package does not pass."""
        start = time.monotonic()
        run(self.words, env=environment)
        self.seconds.append(time.monotonic() - start)
        if self.result is not None:
            (group,) = json.loads(self.result.read_text())["groups"]
            self.in_apt.append(sum(group["timings"][phase] for phase in ("install", "remove", "purge")))


def base_tarball(cache: Path, mirror: Mirror) -> Path:
    """A base of the host's suite, made once by our own tester."""
    path = cache / f"bench-{mirror.suite}.tar.gz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        print(f"making {path}", flush=True)
        words = ["--no-install-purge-test", "--no-upgrade-test", "-d", mirror.suite, "-m", f"{mirror.uri} main"]
        run([PIUFARM, "test", *words, "-s", path, "--apt", "TARBALL"])
    return path


@contextmanager
def schroot(tarball: Path, mirror: Mirror, folder: Path) -> Iterator[str]:
    """A schroot of the unprivileged account; gone at the end."""
    name = f"piufarm-{mirror.suite}-{ARCH_LABEL}"
    words: list[str | Path] = [mirror.suite, "--user", ACCOUNT, "--arch", ARCH_LABEL, "--tarball", tarball]
    words += ["--mirror", f"{mirror.uri} main", "--directory", folder / "schroot"]
    run([PIUFARM, "slave", "setup-schroot", *words])
    try:
        yield name
    finally:
        (Path("/etc/schroot/chroot.d") / name).unlink(missing_ok=True)


def as_account(home: Path) -> list[str | Path]:
    """The words that make a command run as the unprivileged account."""
    entry = pwd.getpwnam(ACCOUNT)
    ids = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    variables = [f"HOME={home}", f"USER={ACCOUNT}", f"LOGNAME={ACCOUNT}", f"PIUFARM_CACHE={home / 'cache'}"]
    return ["setpriv", *ids, "env", *variables]


def table(runners: Sequence[Runner], package: str) -> str:
    """The result, as Markdown."""
    theirs = runners[0]
    lines = [
        f"| {package}: install and purge | best | median | of it apt and dpkg | x faster (best) | x faster (median) |",
        "|---|---|---|---|---|---|",
    ]
    for runner in runners:
        best, median = min(runner.seconds), statistics.median(runner.seconds)
        apt = f"{min(runner.in_apt):.2f} s" if runner.in_apt else "–"
        ratios = [f"{min(theirs.seconds) / best:.1f}", f"{statistics.median(theirs.seconds) / median:.1f}"]
        lines.append(f"| {runner.name} | {best:.2f} s | {median:.2f} s | {apt} | {ratios[0]} | {ratios[1]} |")
    return "\n".join(lines)


def missed_goals(runners: Sequence[Runner]) -> list[str]:
    """The runners that take longer than they are to, by the median."""
    return [
        f"{runner.name}: {statistics.median(runner.seconds):.2f} s, {goal:g} s was the goal"
        for runner in runners
        for backend, goal in GOALS.items()
        if backend in runner.name and statistics.median(runner.seconds) > goal
    ]


def measure(runners: Sequence[Runner], rounds: int, environment: Callable[[], dict[str, str]]) -> None:
    """All runners in turn, after one round that fills the caches and does not count."""
    for number in range(rounds + 1):
        for runner in runners:
            runner.work(environment())
        print("." if number else "warm, ", end="", flush=True)
        if not number:
            for runner in runners:
                runner.seconds.clear()
                runner.in_apt.clear()
    print()


def main() -> int:
    """Measure and print; returns 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--package", default="hello", help="package of the archive (default: hello)")
    parser.add_argument("--no-schroot", action="store_true", help="leave the schroot backend out")
    arguments = parser.parse_args()
    mirror = default_mirror()
    tarball = base_tarball(CLONE / ".cache", mirror)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        home = folder / "home"
        home.mkdir()
        home.chmod(0o777)
        common = ["-d", mirror.suite, "-m", f"{mirror.uri} main", "--no-upgrade-test"]
        package = ["--apt", arguments.package]
        ours = [PIUFARM, "test", *common, "--result", folder / "overlay.json", "-b", tarball, *package]
        runners = [
            Runner(f"piuparts {piuparts_version()}", ["piuparts", *common, "-b", tarball, *package]),
            Runner("piufarm, overlay", ours, folder / "overlay.json"),
        ]
        if arguments.no_schroot:
            measure(runners, arguments.rounds, clean_environment)
        else:
            with schroot(tarball, mirror, folder) as schroot_name:
                result = home / "schroot.json"
                words = [*as_account(home), PIUFARM, "test", *common, "--result", result, "--schroot", schroot_name]
                runners.append(Runner("piufarm, schroot", [*words, *package], result))
                measure(runners, arguments.rounds, clean_environment)
    print(table(runners, arguments.package))
    missed = missed_goals(runners)
    print("\n".join(missed or ["all goals reached"]))
    return 1 if missed else 0


def piuparts_version() -> str:
    """Of the installed one."""
    return run(["piuparts", "--version"]).stdout.decode().split()[-1]


if __name__ == "__main__":
    sys.exit(main())
