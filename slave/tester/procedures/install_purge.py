"""Install the packages, remove and purge them: the chroot has to be as it was."""

from __future__ import annotations

from typing import Final

from piufarm.outcome import Outcome, judge
from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.procedure import Decided, Phase, Procedure
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.slave.tester.steps.dependencies import install_dependencies
from piufarm.slave.tester.steps.installing import (
    install_names,
    install_tested,
    install_tested_with_scripts,
    remove_tested,
)
from piufarm.slave.tester.steps.known import known_names
from piufarm.slave.tester.steps.teardown import check_purged, note_owners, tear_down
from piufarm.slave.tester.steps.testdebs_repo import disable_testdebs, enable_testdebs

_LABEL: Final = "install"


def _prepare(examination: Examination) -> None:
    """All that is installed before the packages themselves."""
    enable_testdebs(examination)
    run_checks(examination, Moment.START)
    run_scripts(examination, "pre_install")
    install_names(examination, known_names(examination, examination.options.tests.extra_old_packages))
    if _dependencies_matter(examination.options):
        install_dependencies(examination)
    run_checks(examination, Moment.DEPENDENCIES)


def _dependencies_matter(options: Options) -> bool:
    return options.checks.warn_on_others or options.tests.install_purge_install


def _install(examination: Examination) -> None:
    install_tested(examination)
    run_scripts(examination, "post_install")


def _purge_and_install(examination: Examination) -> None:
    """Back to the dependencies alone, and once more if that leaves nothing behind."""
    note_owners(examination)
    with examination.measured_against(examination.dependencies or examination.reference):
        tear_down(examination)
        examination.log.info("Validating chroot after purge")
        run_checks(examination, Moment.PURGED_ONCE)
        run_checks(examination, Moment.COMPARED)
    if judge(examination.findings) is Outcome.FAIL:
        raise Decided
    examination.log.info("Reinstalling after purge")
    install_tested_with_scripts(examination)


def _remove_and_install(examination: Examination) -> None:
    remove_tested(examination)
    examination.log.info("Reinstalling after remove")
    install_tested_with_scripts(examination)
    install_tested_with_scripts(examination, "--reinstall")


def _check_installed(examination: Examination) -> None:
    disable_testdebs(examination)
    note_owners(examination)
    run_checks(examination, Moment.INSTALLED)


INSTALL_PURGE: Final = Procedure(
    "install",
    "Installation and purging test.",
    (
        Phase("start", lambda examination: run_scripts(examination, "pre_test")),
        Phase("prepare", _prepare, _LABEL),
        Phase("install", _install, _LABEL),
        Phase("purge and install", _purge_and_install, _LABEL, lambda options: options.tests.install_purge_install),
        Phase("remove and install", _remove_and_install, _LABEL, lambda options: options.tests.install_remove_install),
        Phase("check installed", _check_installed, _LABEL),
        Phase("tear down", tear_down, _LABEL),
        Phase("check purged", check_purged, _LABEL),
    ),
    is_wanted=lambda options: options.tests.install_purge and not options.tests.is_distupgrade,
)
