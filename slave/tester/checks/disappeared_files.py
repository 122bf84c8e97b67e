"""Files, links and directories of the base that are gone after the purge."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.checks.listing import Headlines, list_findings, not_ignored, of_dependencies
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line

_NAME: Final = "disappeared-files"
_HEADLINES: Final = Headlines(
    "FAIL: After purging files have disappeared:", "After purging files have disappeared:"
)


def _went_with_its_package(examination: Examination, path: str, entry: Entry) -> bool:
    """Whether a directory of the base had no owner until the tested packages brought one: dpkg then removes it.

    /opt is such a directory: base-files makes it without listing it, so it goes with the last package in it. For the
    predecessor it has disappeared like any other.
    """
    if examination.options.checks.compat or not stat.S_ISDIR(entry.mode) or examination.reference.lists.owners(path):
        return False
    return bool(examination.lists.owners(path))


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    removed = not_ignored(examination, examination.comparison().removed, 1)
    excused = {path: entry for path, entry in removed.items() if _went_with_its_package(examination, path, entry)}
    faults = {path: entry for path, entry in removed.items() if path not in excused}
    yield from list_findings(examination, _NAME, _HEADLINES, faults, of_dependencies(examination).removed)
    if excused:
        paths = tuple(sorted(excused))
        headline = "dpkg removed empty directories that no package of the base owned:"
        yield Finding(_NAME, Severity.INFO, "\n".join([headline, *map(one_line, paths)]), paths)


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False)
