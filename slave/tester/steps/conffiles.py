"""The configuration files of the packages under test, which belong to the administrator once they are installed."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line

_CHECK: Final = "conffiles"


def own_conffiles(examination: Examination) -> list[str]:
    """Those that are there."""
    own = set(examination.own_names())
    paths = {
        conffile.path
        for package in examination.packages().values()
        if package.plain_name in own and package.is_installed
        for conffile in package.conffiles
        if not conffile.is_obsolete
    }
    there = examination.chroot.entries(sorted(paths))
    return [path for path, entry in there.items() if stat.S_ISREG(entry.mode)]


def report_conffiles(examination: Examination, headline: str, paths: Iterable[str]) -> None:
    """Fail the test for these files, if there are any, but go on."""
    found = tuple(paths)
    if found:
        text = "\n".join([headline, *map(one_line, found)])
        owners = sorted({owner for path in found for owner in examination.lists.owners(path)})
        examination.report(Finding(_CHECK, Severity.ERROR, text, found, tuple(owners)))
