#!/usr/bin/python3
"""Both testers over many packages: how far `piufarm test --compat` says what piuparts says.

    bench/campaign.py --suite bookworm --seed 20 --count 200          draw packages from the index, test, compare
    bench/campaign.py --suite bookworm --list FILE                    packages by name, one a line
    bench/campaign.py --suite bookworm --suite trixie --list FILE     upgrades between suites
    bench/campaign.py … --only peer                                   one tester now, the other later
    bench/campaign.py … --rerun ours                                  ours again, beside what the peer said before
    bench/campaign.py … --show                                        only compare what is there

Run it as root. What was finished is below --folder and is not done again. Both start from the same base, made there
once, and fetch from the host's mirror; the peer runs in namespaces of its own, because it leaves packages free to harm
the host. Ends with 1 if the two disagree on a verdict.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.comparing.bases import base_tarball  # noqa: E402 (the clone is put on the path first)
from bench.comparing.record import Candidate, Shelf, Verdict  # noqa: E402
from bench.comparing.report import Pair, disagreements, summary, table  # noqa: E402
from bench.comparing.sample import draw, index, listed  # noqa: E402
from bench.comparing.testers import OURS, PEER, Task, test  # noqa: E402
from piufarm.archive.mirror import default_mirror  # noqa: E402
from piufarm.errors import FarmError  # noqa: E402

_TESTERS: Final = (PEER, OURS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", action="append", metavar="SUITE", help="suite; several: upgrades between them")
    parser.add_argument("--list", metavar="FILE", type=Path, help="packages, `name` or `name=version`, one a line")
    parser.add_argument("--seed", type=int, default=20, help="which packages are drawn (default: 20)")
    parser.add_argument("--count", type=int, default=200, help="how many are drawn (default: 200)")
    parser.add_argument("--folder", metavar="DIR", type=Path, required=True, help="where results are kept")
    parser.add_argument("--bases", metavar="DIR", type=Path, help="where bases are kept (default: below --folder)")
    parser.add_argument("--tmpdir", metavar="DIR", type=Path, default=Path("/dev/shm"), help="where roots live")
    parser.add_argument("--flag", action="append", default=[], help="an option for both, as --flag=--allow-database")
    parser.add_argument("--only", choices=_TESTERS, help="run this one alone")
    parser.add_argument("--rerun", choices=_TESTERS, help="forget what this one said and run it again")
    parser.add_argument("--retry", action="store_true", help="run again what was in trouble")
    parser.add_argument("--jobs", type=int, default=1, help="tests at the same time (default: 1)")
    parser.add_argument("--minutes", type=int, default=40, help="for one test (default: 40)")
    parser.add_argument("--show", action="store_true", help="run nothing, compare what is there")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures and disagreements there")
    return parser.parse_args()


def _candidates(arguments: argparse.Namespace) -> Sequence[Candidate]:
    suites = arguments.suite or [default_mirror().suite]
    packages = index(default_mirror(), suites[-1], arguments.folder / "indexes")
    if arguments.list is not None:
        return listed(packages, arguments.list.read_text().splitlines())
    return draw(packages, arguments.seed, arguments.count)


def _run(arguments: argparse.Namespace, candidates: Sequence[Candidate], shelf: Shelf) -> None:
    suites = arguments.suite or [default_mirror().suite]
    bases = arguments.bases or arguments.folder / "bases"
    mirror = default_mirror()
    base = base_tarball(bases, mirror, suites[0])
    flags = [*arguments.flag, "--no-check-valid-until"]
    task = Task(suites, f"{mirror.uri} main", base, flags, arguments.minutes, arguments.tmpdir)
    testers = [arguments.only] if arguments.only else _TESTERS
    for candidate, tester in product(candidates, testers):
        done = shelf.find(tester, candidate)
        in_trouble = done is not None and done.verdict is Verdict.TROUBLE
        if arguments.rerun == tester or (arguments.retry and in_trouble):
            shelf.forget(tester, candidate)
    todo = [(tester, one) for one in candidates for tester in testers if shelf.find(tester, one) is None]
    print(f"{len(todo)} tests to run", flush=True)

    def work(number: int, tester: str, candidate: Candidate) -> None:
        done = test(tester, candidate, task, shelf)
        print(f"{number}/{len(todo)} {tester} {candidate.label}: {done.verdict} {done.seconds:.0f} s", flush=True)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        try:
            waiting = [pool.submit(work, number, *what) for number, what in enumerate(todo, 1)]
            for future in waiting:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _pairs(candidates: Sequence[Candidate], shelf: Shelf) -> Iterator[Pair]:
    for candidate in candidates:
        peer, ours = shelf.find(PEER, candidate), shelf.find(OURS, candidate)
        if peer is not None and ours is not None:
            yield Pair(peer, ours)


def main() -> int:
    """Run what is missing and compare; returns 1 if the testers disagree on a verdict."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    arguments = _arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    shelf = Shelf(arguments.folder)
    try:
        candidates = _candidates(arguments)
        if not arguments.show:
            _run(arguments, candidates, shelf)
    except FarmError as error:
        print(f"campaign: {error}", file=sys.stderr)
        return 2
    pairs = list(_pairs(candidates, shelf))
    differences = disagreements(pairs)
    print("\n\n".join([table(pairs), *differences]))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({**summary(pairs), "disagreements": differences}, indent=1) + "\n")
    return 0 if all(pair.same_verdict for pair in pairs if pair.is_comparable) else 1


if __name__ == "__main__":
    sys.exit(main())
