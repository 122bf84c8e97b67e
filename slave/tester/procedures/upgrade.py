"""Install the archive's version, upgrade to the one under test, remove and purge it."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import Options, UsrMove
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.procedure import NotApplicable, Phase, Procedure
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.slave.tester.steps.installing import install_names_with_scripts, remove_tested
from piufarm.slave.tester.steps.known import known_old_names
from piufarm.slave.tester.steps.teardown import check_purged, note_owners, tear_down
from piufarm.slave.tester.steps.testdebs_repo import upgrade_tested


def _install_old(examination: Examination) -> None:
    known = known_old_names(examination)
    if not known:
        raise NotApplicable("Can't test upgrade: packages not known by apt-get.")
    install_names_with_scripts(examination, known)


def _check_old(examination: Examination) -> None:
    if examination.options.checks.usr_move is not UsrMove.DISABLED:
        note_owners(examination)
    run_checks(examination, Moment.INSTALLED)


def _check_upgraded(examination: Examination) -> None:
    note_owners(examination)
    run_checks(examination, Moment.INSTALLED)
    run_checks(examination, Moment.UPGRADED)


def _why_not(options: Options) -> str:
    from_archive = options.apt and options.tests.testdebs_repo is None
    return "Can't test upgrades: -a or --apt option used." if from_archive else ""


UPGRADE: Final = Procedure(
    "upgrade",
    "Installation, upgrade and purging tests.",
    (
        Phase("start", lambda examination: run_scripts(examination, "pre_test")),
        Phase("install", _install_old, "install"),
        Phase("check installed", _check_old, "install"),
        Phase("remove", remove_tested, "install", lambda options: options.tests.install_remove_install),
        Phase("upgrade", upgrade_tested, "upgrade"),
        Phase("check upgraded", _check_upgraded, "upgrade"),
        Phase("tear down", tear_down, "upgrade"),
        Phase("check purged", check_purged, "upgrade"),
    ),
    is_wanted=lambda options: options.tests.upgrade and not options.tests.is_distupgrade,
    why_not=_why_not,
)
