"""Processes that run when nobody should: services are not started in a test, and nothing may outlive a purge."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterable, Sequence
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Chroot, Process
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.identities import Identities

_NAME: Final = "processes"
_STRICT: Final = (Moment.START, Moment.QUIET, Moment.PURGED)  # here not even a database may run
_GRACE_SECONDS: Final = 2.0
_STEP_SECONDS: Final = 0.1
_NAME_MAX: Final = 9


def _table(processes: Sequence[Process], identities: Identities) -> list[str]:
    """Columns as lsof has them, but one row for each process, and its parent and arguments instead of its files."""
    rows = [("COMMAND", "PID", "PPID", "USER", "NAME")]
    for process in processes:
        user, name = identities.user(process.uid), f"{process.executable} ({process.command})"
        rows.append((_short(process), str(process.pid), str(process.ppid), one_line(user), one_line(name)))
    program, pid, parent, account = (max(len(row[column]) for row in rows) for column in range(4))
    return [f"{r[0]:<{program}} {r[1]:>{pid}} {r[2]:>{parent}} {r[3]:<{account}} {r[4]}" for r in rows]


def _short(process: Process) -> str:
    """The program's name, at most as long as lsof shows it."""
    words = (process.executable or process.command).split(" ")
    return one_line(posixpath.basename(words[0]))[:_NAME_MAX] or "?"


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
    text = "\n".join([headline, *_table(processes, examination.present_identities())])
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
