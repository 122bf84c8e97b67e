"""What a test says about a package, as data: outcomes and findings, and the one function that judges."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
class Origin:
    """Where an object that a finding is about comes from, as far as is known.

    `owners` have it in their file lists. `made_by` and `changed_by` (last) are packages whose maintainer scripts, or
    what those left running, did it; `made_in` and `changed_in` name the scripts, such as `postinst configure`.
    """

    path: str
    owners: tuple[str, ...] = ()
    made_by: str | None = None
    made_in: str | None = None
    changed_by: str | None = None
    changed_in: str | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that a check has to report about the package under test.

    `subjects` are absolute paths inside the chroot (or process command lines), `owners` the packages that own
    them; `text` is the human log's rendering, its first line being the marker that log consumers look for.
    `culprits` are the packages whose doing it is; only if that `is_settled` it is nobody else's.
    """

    check: str
    severity: Severity
    text: str
    subjects: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    culprits: tuple[str, ...] = ()
    is_settled: bool = False
    origins: tuple[Origin, ...] = ()


def judge(findings: Iterable[Finding]) -> Outcome:
    """The verdict of a test that ran to its end: fail if any finding is an error, else pass."""
    return Outcome.FAIL if any(finding.severity is Severity.ERROR for finding in findings) else Outcome.PASS


def is_innocent(findings: Iterable[Finding], own: Collection[str]) -> bool:
    """Whether all that fails a test is certainly the doing of other packages than its `own`, named without `:arch`."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    return bool(errors) and all(
        finding.is_settled and not {name.partition(":")[0] for name in finding.culprits} & set(own)
        for finding in errors
    )
