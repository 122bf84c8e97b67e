"""What a test says about a package, as data: outcomes and findings, and the one function that judges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """A statement about the package; trouble of the farm itself is a FarmError instead."""

    PASS = "pass"
    FAIL = "fail"
    UNTESTABLE = "untestable"


class Severity(StrEnum):
    """How much a finding weighs: an error fails the package, a warning and an info are only shown."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One thing that a check has to report about the package under test.

    `subjects` are absolute paths inside the chroot (or process command lines), `owners` the packages that own
    them; `text` is the human log's rendering, its first line being the marker that log consumers look for.
    """

    check: str
    severity: Severity
    text: str
    subjects: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


def judge(findings: Iterable[Finding]) -> Outcome:
    """The verdict of a test that ran to its end: fail if any finding is an error, else pass."""
    return Outcome.FAIL if any(finding.severity is Severity.ERROR for finding in findings) else Outcome.PASS
