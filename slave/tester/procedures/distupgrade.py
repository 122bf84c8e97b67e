"""Install the packages in the first suite, upgrade everything to the last one, remove and purge them.

The chroot then has to look like the base upgraded without them.
"""

from __future__ import annotations

from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.procedure import Phase, Procedure
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.slave.tester.shortcuts.upgraded_base import go_around
from piufarm.slave.tester.steps.installing import (
    install_names,
    install_names_with_scripts,
    note_installed,
    remove_tested,
)
from piufarm.slave.tester.steps.known import known_names, known_old_names
from piufarm.slave.tester.steps.suite_upgrade import upgrade_to
from piufarm.slave.tester.steps.teardown import note_owners, tear_down
from piufarm.slave.tester.steps.testdebs_repo import enable_testdebs, upgrade_tested
from piufarm.slave.tester.upgrades.upgraded_reference import take_reference
from piufarm.slave.tester.upgrades.way import Way


def _way(examination: Examination) -> Way:
    if examination.way is None:
        raise FarmError("an upgrade between suites needs to know which")
    return examination.way


def _start(examination: Examination) -> None:
    run_checks(examination, Moment.QUIET)
    run_scripts(examination, "pre_test")


def _install_old(examination: Examination) -> None:
    install_names_with_scripts(examination, known_old_names(examination))


def _check_old(examination: Examination) -> None:
    run_checks(examination, Moment.BETWEEN_SUITES)
    note_owners(examination)


def _upgrade_suites(examination: Examination) -> None:
    tests = examination.options.tests
    way = _way(examination)
    tracked = () if tests.install_remove_install else examination.own_names()
    if go_around(examination, way):
        if tracked and not _are_as_wanted(examination):
            install_names(examination, known_names(examination, tracked))
        return
    for suite in way.later:
        if suite is way.later[-1] and tests.distupgrade_to_testdebs:
            enable_testdebs(examination)
        upgrade_to(examination, suite, tracked=tracked, upgrade_first=tests.upgrade_before_dist_upgrade)


def _are_as_wanted(examination: Examination) -> bool:
    """Whether apt would find nothing to do for the packages under test."""
    there = {package.plain_name: package.version for package in examination.packages().values() if package.is_installed}
    wanted = [package for package in examination.group.packages if not package.disappears]
    return all(package.deb is None and there.get(package.name) == (package.version or "") for package in wanted)


def _install_new(examination: Examination) -> None:
    tests = examination.options.tests
    if tests.testdebs_repo is None and tests.scripts is None and _are_as_wanted(examination):
        examination.log.info("The packages are installed as they are wanted already")
        note_installed(examination)
        return
    upgrade_tested(examination)


def _check_new(examination: Examination) -> None:
    note_owners(examination)
    run_checks(examination, Moment.BETWEEN_SUITES)
    run_checks(examination, Moment.UPGRADED)


def _check_purged(examination: Examination) -> None:
    run_scripts(examination, "post_test")
    run_checks(examination, Moment.QUIET)
    run_checks(examination, Moment.COMPARED)


DISTUPGRADE: Final = Procedure(
    "distupgrade",
    "Upgrading between Debian distributions.",
    (
        Phase("reference", lambda examination: take_reference(examination, _way(examination))),
        Phase("start", _start),
        Phase("install", _install_old, "install"),
        Phase("check installed", _check_old, "install"),
        Phase("remove", remove_tested, "install", lambda options: options.tests.install_remove_install),
        Phase("upgrade between suites", _upgrade_suites, "distupgrade"),
        Phase("upgrade", _install_new, "upgrade"),
        Phase("check upgraded", _check_new, "upgrade"),
        Phase("tear down", tear_down, "upgrade"),
        Phase("check purged", _check_purged, "upgrade"),
    ),
    is_wanted=lambda options: options.tests.is_distupgrade,
)
