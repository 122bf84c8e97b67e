"""What campaigns have done, as numbers that can be kept and added up."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.killing.campaign import Tally
from bench.killing.points import Stage
from piufarm.files import atomic_write

_BETWEEN: Final = " @ "  # point and stage in a key of JSON


@dataclass
class Record:
    """Of one kind of database."""

    kills: Counter[tuple[str, Stage]] = field(default_factory=Counter)  # by the point aimed at and the stage of work
    failures: Counter[str] = field(default_factory=Counter)
    accidents: Counter[str] = field(default_factory=Counter)
    problems: int = 0
    seeds: list[int] = field(default_factory=list)

    def add(self, tally: Tally, seed: int) -> None:
        """Add a campaign."""
        self.kills.update((killed.target.point, killed.stage) for killed in tally.kills)
        self.failures.update(tally.failures)
        self.accidents.update(tally.accidents)
        self.problems += len(tally.problems)
        self.seeds.append(seed)

    def at(self, point: str) -> int:
        """Kills that were aimed at a point."""
        return sum(number for (aimed, _), number in self.kills.items() if aimed == point)


Records = dict[str, Record]  # by kind of database


def read_records(path: Path) -> Records:
    """The records of earlier campaigns, empty if there are none."""
    if not path.exists():
        return {}
    found = {}
    for kind, row in json.loads(path.read_text()).items():
        kills = {tuple(key.split(_BETWEEN)): number for key, number in row["kills"].items()}
        found[kind] = Record(
            Counter({(point, Stage(stage)): number for (point, stage), number in kills.items()}),
            Counter(row["failures"]),
            Counter(row["accidents"]),
            row["problems"],
            row["seeds"],
        )
    return found


def write_records(path: Path, records: Records) -> None:
    """Keep them."""
    rows = {
        kind: {**vars(record), "kills": {_BETWEEN.join(key): number for key, number in record.kills.items()}}
        for kind, record in records.items()
    }
    atomic_write(path, json.dumps(rows, indent=1, sort_keys=True) + "\n")
