"""All checks, in the order in which they look, and how they are run."""

from __future__ import annotations

from typing import Final

from piufarm.outcome import Severity
from piufarm.slave.tester.checks import (
    accounts,
    adequate,
    alternatives,
    broken_symlinks,
    cron_files,
    cron_tables,
    debsums,
    disappeared_files,
    diversions,
    edited_files,
    extended_attributes,
    left_files,
    logrotate_files,
    modified_files,
    over_symlinks,
    processes,
    systemd_units,
    tmpfiles,
    usr_move,
)
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination, TestEnded

CHECKS: Final[tuple[Check, ...]] = (
    processes.CHECK,
    broken_symlinks.CHECK,
    usr_move.CHECK,
    over_symlinks.CHECK,
    debsums.CHECK,
    adequate.CHECK,
    tmpfiles.CHECK,
    cron_files.CHECK,
    cron_tables.CHECK,
    systemd_units.CHECK,
    logrotate_files.CHECK,
    diversions.CHECK,
    left_files.CHECK,
    disappeared_files.CHECK,
    modified_files.CHECK,
    edited_files.CHECK,
    extended_attributes.CHECK,
    alternatives.CHECK,
    accounts.CHECK,
)


def run_checks(examination: Examination, moment: Moment) -> None:
    """Run the checks of a moment and report what they find. Raises TestEnded if a finding ends the test.

    As long as no command has run the chroot is the base, which no check looks at.
    """
    if examination.is_untouched:
        return
    for check in CHECKS:
        if moment in check.moments and check.is_wanted(examination.options.checks):
            _look(check, examination, moment)


def _look(check: Check, examination: Examination, moment: Moment) -> None:
    """Report all that a check finds before the test may end."""
    has_failed = False
    for finding in check.find(examination, moment):
        examination.report(finding, warning_level=check.warning_level)
        has_failed |= finding.severity is Severity.ERROR
    if has_failed and check.ends_the_test:
        raise TestEnded(check.name)
