"""Whether a detour has led to the same state as the direct way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.listing import list_finding, modified_entries, not_ignored
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.state.reference import Reference

_CHECK: Final = "same-state"


def require_same_state(examination: Examination, direct: Reference, detour: str) -> None:
    """Report what is different from a chroot in which the packages were installed without this detour."""
    with examination.measured_against(direct):
        for finding in _differences(examination, detour):
            examination.report(finding)


def _differences(examination: Examination, detour: str) -> Iterable[Finding]:
    comparison = examination.comparison()
    kinds = (
        ("added", not_ignored(examination, comparison.new, 2)),
        ("removed", not_ignored(examination, comparison.removed, 1)),
        ("changed", modified_entries(examination, comparison.modified)),
    )
    for kind, kept in kinds:
        yield from list_finding(examination, _CHECK, f"FAIL: {detour} {kind} files:", kept, Severity.ERROR)
