"""Files, links and directories that are there after the purge and were not before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.checks.listing import list_finding, not_ignored
from piufarm.slave.tester.examination import Examination

_NAME: Final = "left-files"


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    is_warning = examination.options.checks.warn_on_leftovers
    headline = f"{'Warning' if is_warning else 'FAIL'}: Package purging left files on system:"
    new = not_ignored(examination, examination.comparison().new, 2)
    yield from list_finding(examination, _NAME, headline, new, Severity.INFO if is_warning else Severity.ERROR)


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False)
