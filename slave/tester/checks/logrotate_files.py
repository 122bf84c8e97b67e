"""Logrotate's settings stay as configuration files when a package is removed: logrotate must still accept them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.tester.checks.check import OF_A_JOB, Check, Moment
from piufarm.slave.tester.examination import Examination

_NAME: Final = "logrotate-files"
_PROGRAM: Final = "/usr/sbin/logrotate"
_FILE: Final = re.compile(r"/etc/logrotate\.d/[^/]+")


def _settings(examination: Examination, files: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    tree = examination.tree()
    return [(name, path) for name, path in files if _FILE.fullmatch(path) and tree.get(path) is not None]


def _complaints_of_dependencies(examination: Examination, files: Iterable[tuple[str, str]]) -> Iterable[Finding]:
    """Their faults are told; they are not the package's."""
    for name, path in files:
        result = examination.run_aside([_PROGRAM, path], CHROOT_ENVIRONMENT, OF_A_JOB)
        if result.stopped_by is None and (result.output or result.status != 0):
            text = f"WARN: Logrotate file of a dependency is refused with its package removed: {path}"
            yield Finding(_NAME, Severity.WARNING, text, (path,), (name,))


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    files = _settings(examination, examination.own_files())
    of_dependencies = _settings(examination, examination.files_of_dependencies())
    if not files and not of_dependencies:
        return
    for name, path in (*files, *of_dependencies):
        examination.log.info(f"Package {name} contains logrotate file: {path}")
    before = {name for name, package in examination.packages().items() if package.is_installed}
    examination.execute("apt-get", "install", "-y", "logrotate", network=True)
    after = {name for name, package in examination.packages().items() if package.is_installed}
    for name, path in files:
        if examination.execute(_PROGRAM, path).output:
            text = f"FAIL: Logrotate file {path} exits with error or has output with package removed"
            yield Finding(_NAME, Severity.ERROR, text, (path,), (name,))
    yield from _complaints_of_dependencies(examination, of_dependencies)
    if after - before:
        examination.execute("dpkg", "--purge", *sorted(after - before))


CHECK: Final = Check(_NAME, (Moment.REMOVED,), _find, is_wanted=lambda options: options.logrotate_files)
