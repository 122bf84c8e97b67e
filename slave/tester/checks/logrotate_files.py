"""Logrotate's settings stay as configuration files when a package is removed: logrotate must still accept them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination

_NAME: Final = "logrotate-files"
_FILE: Final = re.compile(r"/etc/logrotate\.d/[^/]+")


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    files = [
        (name, path)
        for name, path in examination.own_files()
        if _FILE.fullmatch(path) and examination.tree().get(path) is not None
    ]
    if not files:
        return
    for name, path in files:
        examination.log.info(f"Package {name} contains logrotate file: {path}")
    before = {name for name, package in examination.packages().items() if package.is_installed}
    examination.execute("apt-get", "install", "-y", "logrotate", network=True)
    after = {name for name, package in examination.packages().items() if package.is_installed}
    for name, path in files:
        if examination.execute("/usr/sbin/logrotate", path).output:
            text = f"FAIL: Logrotate file {path} exits with error or has output with package removed"
            yield Finding(_NAME, Severity.ERROR, text, (path,), (name,))
    if after - before:
        examination.execute("dpkg", "--purge", *sorted(after - before))


CHECK: Final = Check(_NAME, (Moment.REMOVED,), _find, is_wanted=lambda options: options.logrotate_files)
