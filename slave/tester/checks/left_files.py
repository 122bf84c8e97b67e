"""Files, links and directories that are there after the purge and were not before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.checks.listing import Headlines, list_finding, list_findings, not_ignored, of_dependencies
from piufarm.slave.tester.examination import Examination

_NAME: Final = "left-files"
_HEADLINES: Final = Headlines(
    "FAIL: Package purging left files on system:", "Warning: Package purging left files on system:"
)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    new = not_ignored(examination, examination.comparison().new, 2)
    if examination.options.checks.warn_on_leftovers:
        yield from list_finding(examination, _NAME, _HEADLINES.mention, new, Severity.INFO)
    else:
        yield from list_findings(examination, _NAME, _HEADLINES, new, of_dependencies(examination).new)


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False)
