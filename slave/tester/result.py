"""The result of a run as data: what happened, to which packages, on what, and how to see it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from piufarm import __version__
from piufarm.errors import FarmError
from piufarm.files import atomic_write
from piufarm.outcome import Finding, Outcome, is_innocent
from piufarm.slave.tester.culprits import culprits_of
from piufarm.slave.tester.examination import Examination
from piufarm.trouble import TroubleKind

SCHEMA: Final = 1  # raised when a field changes its meaning or goes; new fields do not raise it


@dataclass(frozen=True)
class GroupResult:
    """What became of one group of packages in one test."""

    packages: Sequence[str]
    outcome: Outcome | None  # None: the test did not end, for reasons that are not the package's
    findings: Sequence[Finding]
    installed: Mapping[str, str]  # every package that the test brought into the root, with its version
    timings: Mapping[str, float]  # seconds by phase
    test: str  # which one: install, upgrade, …; empty if there was none yet
    culprits: Sequence[str] = ()  # packages that errors are charged to
    innocent: bool = False  # it failed, and that is certainly the doing of other packages

    @classmethod
    def of(cls, examination: Examination, test: str, outcome: Outcome | None) -> GroupResult:
        """What is known about a test, also about one that did not end."""
        base = examination.chroot.base.packages
        installed = {
            package.name: package.version
            for package in examination.installed.values()
            if base.get(package.name) != package.version
        }
        packages = [package.wanted for package in examination.group.packages]
        findings = examination.findings
        innocent = is_innocent(findings, examination.own_names())
        return cls(
            packages, outcome, findings, installed, examination.timings, test, culprits_of(findings), innocent
        )


@dataclass
class RunResult:
    """What became of a whole run. Filled as it goes, so that what is known can be written at any time."""

    reproduce: str  # a shell command
    base_id: str | None = None
    base_packages: Mapping[str, str] = field(default_factory=dict)  # what was in the root before, with versions
    outcome: Outcome | None = None
    trouble: str | None = None  # why there is no outcome
    trouble_kind: TroubleKind | None = None
    groups: list[GroupResult] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def versions(self) -> Mapping[str, str]:
        """Names without architecture with the versions in which they were there last."""
        known = dict(self.base_packages)
        for group in self.groups:
            known.update(group.installed)
        return {name.partition(":")[0]: version for name, version in known.items()}

    def to_json(self) -> str:
        """The result as a JSON document; docs/tester.md describes its fields."""
        fields = {"schema": SCHEMA, "tester": f"piufarm {__version__}", **asdict(self)}
        return json.dumps(fields, indent=1, default=str) + "\n"

    def write(self, path: Path) -> None:
        """Give the file this content in one step. Raises FarmError."""
        try:
            atomic_write(path, self.to_json())
        except OSError as error:
            raise FarmError(f"cannot write the result to {path}: {error.strerror}") from error
