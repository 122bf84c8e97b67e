"""The result of a run as data: what happened, to which packages, on what, and how to see it again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from piufarm import __version__
from piufarm.errors import FarmError
from piufarm.files import atomic_write
from piufarm.outcome import Finding, Outcome, Severity, is_innocent
from piufarm.slave.tester.blame.culprits import culprits_of
from piufarm.slave.tester.examination import Examination
from piufarm.trouble import TroubleKind

_STATUS: Final = "/var/lib/dpkg/status"
_VERSION: Final = re.compile(r"^Package: (\S+)\n(?:(?!Version:)[^\n]+\n)*Version: (\S+)$", re.MULTILINE)
SCHEMA: Final = 1  # raised when a field changes its meaning or goes; new fields do not raise it


@dataclass(frozen=True)
class GroupResult:
    """What became of one group of packages in one test."""

    packages: Sequence[str]  # as they were asked for
    outcome: Outcome | None  # None: the test did not end, for reasons that are not the package's
    findings: Sequence[Finding]
    installed: Mapping[str, str]  # every package that the test brought into the root, with its version
    timings: Mapping[str, float]  # seconds by phase
    test: str  # which one: install, upgrade, …; empty if there was none yet
    culprits: Sequence[str] = ()  # packages that errors are charged to
    innocent: bool = False  # it failed, and that is certainly the doing of other packages
    tested: Mapping[str, str] = field(default_factory=dict)  # those of the packages with a known version
    on_upgraded_base: bool = False  # an upgrade between suites that has gone around the upgrade of the base

    @property
    def fault(self) -> str:
        """Whose fault a failure is, in words; empty if nobody can be named."""
        if not self.culprits:
            return ""
        named = ", ".join(self.culprits)
        own = sorted({plain_name(name) for name in self.packages})
        if self.innocent:
            return f"{named}; {', '.join(own)} {'is' if len(own) == 1 else 'are'} innocent"
        errors = [finding for finding in self.findings if finding.severity is Severity.ERROR]
        return named if all(finding.is_settled for finding in errors) else f"{named}, and perhaps others"

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
        culprits, tested = culprits_of(findings), _tested(examination)
        timings, around = examination.timings, examination.on_upgraded_base
        return cls(packages, outcome, findings, installed, timings, test, culprits, innocent, tested, around)


def plain_name(wanted: str) -> str:
    """The name of a package that was asked for, without version, suite and architecture."""
    return wanted.partition("=")[0].partition("/")[0].partition(":")[0]


def _tested(examination: Examination) -> Mapping[str, str]:
    """The packages under test with their versions: as installed, else as dpkg has noted them before it failed."""
    known = {package.plain_name: package.version for package in examination.installed.values()}
    names = examination.own_names()
    if any(name not in known for name in names):
        status = (examination.chroot.read(_STATUS) or b"").decode("utf-8", "replace")
        known.update((match[1], match[2]) for match in _VERSION.finditer(status) if match[1] not in known)
    return {name: known[name] for name in names if name in known}


@dataclass(frozen=True)
class LayerUse:
    """What layers of dependencies were to a test."""

    keys: Sequence[str]  # of those that it stood on, lowest first
    counts: bool  # whether the test on layers is the one that counts
    reason: str = ""  # why it does not
    differences: Sequence[str] = ()  # between it and the one from the base alone


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
    layers: list[LayerUse] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)  # folders of roots that were kept

    @property
    def versions(self) -> Mapping[str, str]:
        """Names without architecture with the versions in which they were there last."""
        known = dict(self.base_packages)
        for group in self.groups:
            known.update(group.installed)
        plain = {name.partition(":")[0]: version for name, version in known.items()}
        for group in self.groups:
            plain.update(group.tested)
        return plain

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
