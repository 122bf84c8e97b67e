"""Install the packages, remove and purge them: the chroot has to be as it was."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.procedure import Phase, Procedure
from piufarm.slave.tester.scripts import run_scripts
from piufarm.slave.tester.steps.installing import install_tested_with_scripts
from piufarm.slave.tester.steps.teardown import note_owners, tear_down


def _start(examination: Examination) -> None:
    run_scripts(examination, "pre_test")
    run_checks(examination, Moment.START)


def _check_installed(examination: Examination) -> None:
    note_owners(examination)
    run_checks(examination, Moment.INSTALLED)


def _check_purged(examination: Examination) -> None:
    run_scripts(examination, "post_test")
    run_checks(examination, Moment.PURGED)
    run_checks(examination, Moment.COMPARED)


INSTALL_PURGE: Final = Procedure(
    "install",
    "Installation and purging test.",
    (
        Phase("start", _start),
        Phase("install", install_tested_with_scripts, "install"),
        Phase("check installed", _check_installed, "install"),
        Phase("tear down", tear_down, "install"),
        Phase("check purged", _check_purged, "install"),
    ),
    is_wanted=lambda options: options.tests.install_purge and not options.tests.is_distupgrade,
)
