"""Stop services that do not run, and remove their packages: neither may fail for that."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.procedures.extra_test import extra_test
from piufarm.slave.tester.procedures.procedure import NotApplicable, Phase
from piufarm.slave.tester.steps.placing import place
from piufarm.slave.tester.steps.teardown import take_away

_CHECK: Final = "stop-scripts"
_SCRIPT: Final = re.compile(r"/etc/init\.d/[^/]+")
_POLICY: Final = "/usr/sbin/policy-rc.d"
# invoke-rc.d asks it with a script's name and an action, in brackets if the runlevel does not want it: nothing is
# started here, but stopping is what is tested.
_STOPPING_IS_FINE: Final = b"""#!/bin/sh
for word do
	case $word in stop | "(stop)") exit 0 ;; esac
done
exit 101
"""


def _stop_scripts(examination: Examination) -> Iterable[str]:
    for name in examination.own_names():
        for path in filter(_SCRIPT.fullmatch, examination.lists.of(name)):
            entry = examination.tree().get(path)
            if entry is not None and stat.S_ISREG(entry.mode) and entry.mode & stat.S_IXUSR:
                yield path


def _stop(examination: Examination) -> None:
    scripts = list(_stop_scripts(examination))
    if not scripts:
        raise NotApplicable("Can't test stopping services: the packages have no init scripts.")
    examination.chroot.kill_processes()
    for path in scripts:
        result = examination.execute(path, "stop", may_fail=True)
        if result.status != 0:
            headline = f"FAIL: Stop script {one_line(path)} fails without a running daemon (status={result.status})"
            finding = Finding(_CHECK, Severity.ERROR, headline, (path,), examination.lists.owners(path))
            examination.report(finding)


def _remove(examination: Examination) -> None:
    """Remove the packages; now scripts of theirs may stop services, which is denied in other tests."""
    usual = examination.chroot.read(_POLICY)
    place(examination, _POLICY, _STOPPING_IS_FINE, mode=0o755)
    take_away(examination)
    if usual is None:
        examination.remove(_POLICY)
    else:
        place(examination, _POLICY, usual, mode=0o755)


STOP_WITHOUT_DAEMON: Final = extra_test(
    "stop-without-daemon",
    "Stopping services that do not run.",
    Phase("stop", _stop, "install"),
    lambda tests: tests.stop_without_daemon,
    remove=_remove,
)
