#!/usr/bin/python3
"""A whole run of a distribution in simulated time: real sessions of the master, scripted slaves, faults from a seed.

Each slave reserves, tests and reports as real ones do; only its tests and the wire are made up. What must hold is
checked all the time and in the end: one current result for each package, no package in two hands, a second run only
after a fault, states as computed from scratch, `fsck` clean. The same seed gives the same history.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

CLONE: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CLONE))

from bench.simulator.farm import Farm, Outcome, Plan  # noqa: E402
from bench.simulator.faults import NO_FAULTS, Faults  # noqa: E402
from bench.simulator.office import configure, fill, fill_with_sid  # noqa: E402
from bench.simulator.world import NOON  # noqa: E402
from piufarm.names import SectionName  # noqa: E402

SECTION: Final = SectionName("sid")


def table(outcome: Outcome) -> str:
    """The outcome, as Markdown."""
    rows = [
        ("simulated days", f"{outcome.days:.2f}"),
        ("wall time", f"{outcome.wall_seconds:.0f} s"),
        ("CPU time", f"{outcome.cpu_seconds:.0f} s"),
        ("packages", f"{outcome.packages:,}"),
        *((f"… {state}", f"{number:,}") for state, number in sorted(outcome.states.items())),
        ("results acknowledged", f"{outcome.results:,}"),
        ("second runs", f"{outcome.second_runs.total():,}"),
        *((f"… {why}", f"{number:,}") for why, number in sorted(outcome.second_runs.items())),
        ("tests of a slave: least, median, most", ", ".join(f"{number:,}" for number in outcome.tests_per_slave)),
        ("longest wait of a slave while a package was free", f"{outcome.longest_wait:.0f} s"),
        *((what, f"{number:,}") for what, number in sorted(outcome.events.items())),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def main() -> int:
    """Simulate and print; a promise that was broken ends it with a traceback and the seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=int, default=300, help="size of the made-up archive (default: 300)")
    parser.add_argument("--slaves", type=int, default=20, help="(default: 20)")
    parser.add_argument("--sid", action="store_true", help="test all of sid, as the host's mirror has it")
    parser.add_argument("--folder", type=Path, help="where to make the scratch folder; /dev/shm spares the disk")
    parser.add_argument(
        "--evaluation-seconds", type=float, default=5.0, help="that one takes, in simulated time (default: 5)"
    )
    parser.add_argument("--test-seconds", type=float, default=20.0, help="the median of a test (default: 20)")
    parser.add_argument(
        "--max-reserved", type=int, default=50, help="the most that a slave takes at a time (default: 50)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance (default: 1)")
    parser.add_argument("--plain", action="store_true", help="all slaves speak the plain protocol")
    parser.add_argument("--no-faults", action="store_true", help="nothing goes wrong")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simulate-", dir=arguments.folder) as name:
        configuration = configure(Path(name))
        beginning = NOON
        if arguments.sid:
            beginning = fill_with_sid(configuration, arguments.seed)
        else:
            fill(configuration, arguments.seed, arguments.packages)
        plan = Plan(
            arguments.seed,
            arguments.slaves,
            faults=NO_FAULTS if arguments.no_faults else Faults(),
            featured=0.0 if arguments.plain else 0.5,
            evaluation_seconds=arguments.evaluation_seconds,
            gather_seconds=2 * arguments.evaluation_seconds,
            test_seconds=arguments.test_seconds,
            max_reserved=arguments.max_reserved,
            beginning=beginning,
            tell=lambda text: print(text, file=sys.stderr, flush=True),
        )
        outcome = Farm(configuration, plan).run()
    print(json.dumps(asdict(outcome)) if arguments.json else table(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
