"""Paths of the base whose owner, mode, size or link target is another after the purge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.checks.listing import Headlines, list_findings, modified_entries, of_dependencies
from piufarm.slave.tester.examination import Examination

_NAME: Final = "modified-files"
_HEADLINES: Final = Headlines(
    "FAIL: After purging files have been modified:", "After purging files have been modified:"
)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    modified = modified_entries(examination, examination.comparison().modified)
    yield from list_findings(examination, _NAME, _HEADLINES, modified, of_dependencies(examination).modified)


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False)
