"""Processes that run when nobody should: services are not started in a test, and nothing may outlive a purge."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Chroot, Process
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.log import one_line

_NAME: Final = "processes"
_STRICT: Final = (Moment.START, Moment.QUIET, Moment.PURGED)  # here not even a database may run
_GRACE_SECONDS: Final = 2.0
_STEP_SECONDS: Final = 0.1


def _table(processes: Sequence[Process]) -> list[str]:
    rows = [("PID", "PPID", "UID", "COMMAND")]
    rows += [(str(p.pid), str(p.ppid), str(p.uid), one_line(p.command or p.executable)) for p in processes]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [f"{row[0]:>{widths[0]}} {row[1]:>{widths[1]}} {row[2]:>{widths[2]}} {row[3]}" for row in rows]


def _lasting(chroot: Chroot) -> Sequence[Process]:
    """The processes that are there after a while, too: on a busy host some are just about to end."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while (processes := sorted(chroot.processes())) and time.monotonic() < deadline:
        time.sleep(_STEP_SECONDS)
    return processes


def _find(examination: Examination, moment: Moment) -> Iterable[Finding]:
    processes = _lasting(examination.chroot)
    if not processes:
        return
    is_warning = examination.options.root.allow_database and moment not in _STRICT
    headline = f"{'WARN' if is_warning else 'FAIL'}: Processes are running inside chroot:"
    if not is_warning:
        examination.chroot.kill_processes()
    text = "\n".join([headline, *_table(processes)])
    severity = Severity.WARNING if is_warning else Severity.ERROR
    yield Finding(_NAME, severity, text, tuple(process.command for process in processes))


CHECK: Final = Check(
    _NAME,
    (
        Moment.START, Moment.DEPENDENCIES, Moment.INSTALLED, Moment.QUIET, Moment.BETWEEN_SUITES,
        Moment.PURGED_ONCE, Moment.PURGED,
    ),
    _find,
)
