"""What the tests that the predecessor does not have have in common: install the packages, then try one thing."""

from __future__ import annotations

from collections.abc import Callable

from piufarm.slave.tester.command_line.options import TestOptions
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.procedure import Phase, Procedure
from piufarm.slave.tester.scripts.running import run_scripts
from piufarm.slave.tester.steps.installing import install_tested_with_scripts
from piufarm.slave.tester.steps.teardown import check_purged, note_owners, take_away
from piufarm.slave.tester.steps.testdebs_repo import disable_testdebs, enable_testdebs

_LABEL = "install"


def extra_test(
    name: str,
    title: str,
    attempt: Phase,
    is_asked_for: Callable[[TestOptions], bool],
    remove: Callable[[Examination], None] = take_away,
) -> Procedure:
    """A test that is made only if it is asked for, and never where exactly the predecessor's verdicts are wanted."""
    return Procedure(
        name,
        title,
        (
            Phase("start", _start),
            Phase("install", _install, _LABEL),
            attempt,
            Phase("take away", remove, _LABEL),
            Phase("check purged", _check_purged, _LABEL),
        ),
        is_wanted=lambda options: (
            is_asked_for(options.tests) and not options.tests.is_distupgrade and not options.checks.compat
        ),
    )


def _start(examination: Examination) -> None:
    run_scripts(examination, "pre_test")
    enable_testdebs(examination)


def _install(examination: Examination) -> None:
    install_tested_with_scripts(examination)
    note_owners(examination)


def _check_purged(examination: Examination) -> None:
    disable_testdebs(examination)
    check_purged(examination)
