"""What a measurement has found, as people and programs read it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.load.office import STORES

_MILLI: Final = 1000.0


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Latency:
    """How long replies took, in seconds."""

    number: int
    median: float
    p99: float
    longest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Latency:
        """Of some replies, at least one."""
        return cls(len(values), percentile(values, 0.5), percentile(values, 0.99), max(values))

    def row(self, name: str) -> str:
        """A row of a Markdown table."""
        cells = (f"{seconds * _MILLI:.1f} ms" for seconds in (self.median, self.p99, self.longest))
        return f"| {name} | {self.number:,} | {' | '.join(cells)} |"


LATENCY_HEAD: Final = "| Reply to | requests | median | p99 | longest |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and what was."""

    text: str
    is_reached: bool

    def __str__(self) -> str:
        return f"{'reached' if self.is_reached else 'MISSED'}: {self.text}"


def arguments_of(
    description: str | None, *, stores: Sequence[str] = STORES, with_suite: bool = False
) -> argparse.ArgumentParser:
    """The options that all these measurements have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=stores, default="sqlite", help="where the store is (default: sqlite)")
    if with_suite:
        parser.add_argument("--suite", default="sid", help="of the host's mirror (default: sid)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser


def show(figures: dict[str, object], table: str, goals: Sequence[Goal], *, as_json: bool) -> int:
    """Print what was found; returns the status of the program, 1 if a goal is missed."""
    if as_json:
        print(json.dumps({**figures, "goals": {goal.text: goal.is_reached for goal in goals}}))
    else:
        print(table, *goals, sep="\n")
    return 0 if all(goal.is_reached for goal in goals) else 1
