"""The outcome of a campaign as Markdown, for docs/reliability.md."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.killing.campaign import AT_RANDOM, Tally
from bench.killing.points import Stage
from piufarm.files import atomic_write

_BEGIN: Final = "<!-- written by bench/kills.py -->"
_END: Final = "<!-- end -->"


def table(tallies: Mapping[str, Tally], seed: int) -> str:
    """What was killed where, by kind of database."""
    return "\n".join((*_summary(tallies, seed), "", *_points(tallies), "", *_accidents(tallies)))


def write_into(document: Path, text: str) -> None:
    """Put the table into its place in a document."""
    before, _, rest = document.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    atomic_write(document, f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def _summary(tallies: Mapping[str, Tally], seed: int) -> Iterator[str]:
    kills = [killed for tally in tallies.values() for killed in tally.kills]
    stages = Counter(killed.stage for killed in kills)
    inside = stages[Stage.BODY] + stages[Stage.COMMIT]
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Linux {platform.release()},"
        f" {' and '.join(tallies)}, seed {seed}: **{len(kills)} kills**, {inside} of them inside a body or a commit"
        f" ({stages[Stage.BODY]} in a body, {stages[Stage.COMMIT]} in a commit),"
        f" {sum(len(tally.problems) for tally in tallies.values())} promises broken."
    )


def _points(tallies: Mapping[str, Tally]) -> Iterator[str]:
    counts = {kind: Counter(killed.target.point for killed in tally.kills) for kind, tally in tallies.items()}
    failures = {kind: tally.failures for kind, tally in tallies.items()}
    yield f"| Killed | {' | '.join(tallies)} | in all | full or broken disk there |"
    yield f"|---|{'---|' * (len(tallies) + 2)}"
    points = sorted(set().union(*counts.values()) - {AT_RANDOM})
    for point in (*points, AT_RANDOM):
        numbers = [counts[kind][point] for kind in tallies]
        name = point if point == AT_RANDOM else f"`{point}`"
        failed = sum(failures[kind][point] for kind in tallies)
        yield f"| {name} | {' | '.join(map(str, numbers))} | {sum(numbers)} | {failed or '–'} |"


def _accidents(tallies: Mapping[str, Tally]) -> Iterator[str]:
    accidents: Counter[str] = Counter()
    for tally in tallies.values():
        accidents.update(tally.accidents)
    if accidents:
        yield "Beside these, while sessions worked, kill -9 of:"
        yield ""
        yield from (f"- {name}: {count} times" for name, count in sorted(accidents.items()))
