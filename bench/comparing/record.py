"""What each tester said of each package, kept on disk so that a campaign goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from bench.comparing.markers import entries, found_in, is_trouble
from piufarm.files import atomic_write


class Verdict(StrEnum):
    """What a tester said."""

    PASS = "pass"
    FAIL = "fail"
    TROUBLE = "trouble"  # nothing about the package


@dataclass(frozen=True)
class Candidate:
    """A package in the version that both test."""

    name: str
    version: str

    @property
    def label(self) -> str:
        """As file names have it."""
        return f"{self.name}_{self.version}"


@dataclass(frozen=True)
class Run:
    """One tester's test of one package."""

    candidate: Candidate
    tester: str
    status: int | None  # None: it took too long
    seconds: float
    command: str
    log: Path

    @cached_property
    def lines(self) -> Sequence[str]:
        """Of its log."""
        return self.log.read_text("utf-8", "backslashreplace").splitlines()

    @cached_property
    def verdict(self) -> Verdict:
        """By its exit status and the last line of its log."""
        has_ended = bool(self.lines) and "piuparts run ends" in self.lines[-1]
        if self.status == 0 and has_ended:
            return Verdict.PASS
        if self.status == 1 and has_ended and not is_trouble(self.lines):
            return Verdict.FAIL
        return Verdict.TROUBLE

    @cached_property
    def markers(self) -> frozenset[str]:
        """The kinds of problems that its log tells of."""
        return found_in(self.lines)

    @cached_property
    def entries(self) -> frozenset[str]:
        """The paths that were left, disappeared or modified."""
        return entries(self.lines)


@dataclass(frozen=True)
class Shelf:
    """The runs of a campaign: a JSON file and a log per package and tester."""

    folder: Path

    def log(self, tester: str, candidate: Candidate) -> Path:
        """Where the log of a run is."""
        return self.folder / tester / f"{candidate.label}.log"

    def find(self, tester: str, candidate: Candidate) -> Run | None:
        """A run that was finished, None if there is none."""
        path = self._facts(tester, candidate)
        if not path.exists():
            return None
        facts = json.loads(path.read_text())
        return Run(candidate, tester, facts["status"], facts["seconds"], facts["command"], self.log(tester, candidate))

    def keep(self, run: Run) -> None:
        """Its log is there already; from now on it counts as finished."""
        facts = {key: value for key, value in asdict(run).items() if key not in ("candidate", "tester", "log")}
        atomic_write(self._facts(run.tester, run.candidate), json.dumps(facts, indent=1) + "\n", durable=False)

    def forget(self, tester: str, candidate: Candidate) -> None:
        """The run is to be made again."""
        self._facts(tester, candidate).unlink(missing_ok=True)

    def candidates(self) -> Iterator[Candidate]:
        """All that a tester has a finished run of, by name."""
        labels = {path.stem for path in self.folder.glob("*/*.json")}
        return (Candidate(*label.split("_", 1)) for label in sorted(labels))

    def _facts(self, tester: str, candidate: Candidate) -> Path:
        return self.folder / tester / f"{candidate.label}.json"
