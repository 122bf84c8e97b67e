"""Cron jobs stay as configuration files when a package is removed: run then, they must be silent and succeed."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.tester.checks.check import OF_A_JOB, Check, Moment
from piufarm.slave.tester.examination import Examination

_NAME: Final = "cron-files"


def _is_job(examination: Examination, path: str) -> bool:
    entry = examination.tree().get(path)
    return entry is not None and stat.S_ISREG(entry.mode) and bool(entry.mode & stat.S_IXUSR)


def _complaints_of_dependencies(examination: Examination) -> Iterable[Finding]:
    """Their faults are told; they are not the package's."""
    for name, path in examination.files_of_dependencies():
        if not path.startswith("/etc/cron.") or not _is_job(examination, path):
            continue
        examination.log.info(f"Package {name} contains cron file: {path}")
        result = examination.run_aside([path], CHROOT_ENVIRONMENT, OF_A_JOB)
        if result.stopped_by is None and (result.output or result.status != 0):
            text = f"WARN: Cron file of a dependency complains with its package removed: {path}"
            yield Finding(_NAME, Severity.WARNING, text, (path,), (name,))


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    for name, path in examination.own_files():
        if not path.startswith("/etc/cron.") or not _is_job(examination, path):
            continue
        examination.log.info(f"Package {name} contains cron file: {path}")
        if examination.execute(path).output:
            text = f"FAIL: Cron file {path} has output with package removed"
            yield Finding(_NAME, Severity.ERROR, text, (path,), (name,))
    yield from _complaints_of_dependencies(examination)


CHECK: Final = Check(_NAME, (Moment.REMOVED,), _find, is_wanted=lambda options: options.cron_files)
