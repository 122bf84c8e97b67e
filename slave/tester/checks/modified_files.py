"""Paths of the base whose owner, mode, size or link target is another after the purge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.checks.listing import Headlines, list_findings, not_ignored, of_dependencies
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line

_NAME: Final = "modified-files"
_HEADLINES: Final = Headlines(
    "FAIL: After purging files have been modified:", "After purging files have been modified:"
)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    changes = examination.comparison().modified
    tree = examination.tree()
    present = {path: tree.get(path.rstrip("/") or "/") for path in changes}
    modified = not_ignored(examination, {path: entry for path, entry in present.items() if entry is not None}, 2)
    for path in modified:
        expected, found = changes[path].expected, changes[path].found
        examination.log.debug(
            f"Modified(user, group, mode, size, target): {one_line(path)} expected{expected} != found{found}"
        )
    yield from list_findings(examination, _NAME, _HEADLINES, modified, of_dependencies(examination).modified)


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False)
