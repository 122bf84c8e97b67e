"""Cron jobs stay as configuration files when a package is removed: run then, they must be silent and succeed."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination

_NAME: Final = "cron-files"


def _is_job(examination: Examination, path: str) -> bool:
    entry = examination.tree().get(path)
    return entry is not None and stat.S_ISREG(entry.mode) and bool(entry.mode & stat.S_IXUSR)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    for name, path in examination.own_files():
        if not path.startswith("/etc/cron.") or not _is_job(examination, path):
            continue
        examination.log.info(f"Package {name} contains cron file: {path}")
        if examination.execute(path).output:
            text = f"FAIL: Cron file {path} has output with package removed"
            yield Finding(_NAME, Severity.ERROR, text, (path,), (name,))


CHECK: Final = Check(_NAME, (Moment.REMOVED,), _find, is_wanted=lambda options: options.cron_files)
