"""The outcome of campaigns as Markdown, for docs/reliability.md."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.killing.campaign import AT_RANDOM
from bench.killing.points import Stage
from bench.killing.record import Records
from piufarm.files import atomic_write

_BEGIN: Final = "<!-- written by bench/kills.py -->"
_END: Final = "<!-- end -->"


def table(records: Records) -> str:
    """What was killed where, by kind of database."""
    return "\n".join((*_summary(records), "", *_points(records), "", *_accidents(records)))


def write_into(document: Path, text: str) -> None:
    """Put the table into its place in a document."""
    before, _, rest = document.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    atomic_write(document, f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def _summary(records: Records) -> Iterator[str]:
    stages: Counter[Stage] = Counter()
    for record in records.values():
        for (_, stage), number in record.kills.items():
            stages[stage] += number
    plans = [f"{kind} (seed {', '.join(map(str, sorted(record.seeds)))})" for kind, record in records.items()]
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Linux {platform.release()}, {' and '.join(plans)}:"
        f" **{stages.total()} kills**, {stages[Stage.BODY] + stages[Stage.COMMIT]}"
        f" of them inside a body or a commit ({stages[Stage.BODY]} in a body, {stages[Stage.COMMIT]} in a commit),"
        f" {sum(record.problems for record in records.values())} promises broken."
    )


def _points(records: Records) -> Iterator[str]:
    yield f"| Killed | {' | '.join(records)} | in all | full or broken disk there |"
    yield f"|---|{'---|' * (len(records) + 2)}"
    points = {point for record in records.values() for point, _ in record.kills}
    for point in (*sorted(points - {AT_RANDOM}), AT_RANDOM):
        numbers = [record.at(point) for record in records.values()]
        name = point if point == AT_RANDOM else f"`{point}`"
        failed = sum(record.failures[point] for record in records.values())
        yield f"| {name} | {' | '.join(map(str, numbers))} | {sum(numbers)} | {failed or '–'} |"


def _accidents(records: Records) -> Iterator[str]:
    accidents: Counter[str] = Counter()
    for record in records.values():
        accidents.update(record.accidents)
    if accidents:
        yield "Beside these, while sessions worked, kill -9 of:"
        yield ""
        yield from (f"- {name}: {count} times" for name, count in sorted(accidents.items()))
