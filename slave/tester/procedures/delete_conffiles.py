"""Delete all configuration files and install again: that works, and what the administrator deleted stays away."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.extra_test import extra_test
from piufarm.slave.tester.procedures.procedure import NotApplicable, Phase
from piufarm.slave.tester.steps.conffiles import own_conffiles, report_conffiles
from piufarm.slave.tester.steps.installing import reinstall_tested


def _delete_and_install(examination: Examination) -> None:
    paths = own_conffiles(examination)
    if not paths:
        raise NotApplicable("Can't test deleted configuration files: the packages have none.")
    examination.execute("rm", "-f", "--", *paths)
    reinstall_tested(examination)
    back = [path for path in paths if examination.chroot.exists(path)]
    report_conffiles(examination, "FAIL: Deleted configuration files came back:", back)


DELETE_CONFFILES: Final = extra_test(
    "delete-conffiles",
    "Reinstallation after deleting the configuration files.",
    Phase("delete and install", _delete_and_install, "install"),
    lambda tests: tests.delete_conffiles,
)
