"""Runs custom scripts in the chroot, at the phases of a test."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.script_set import read_scripts

_PLACE: Final = "/tmp/scripts"


def run_scripts(examination: Examination, phase: str) -> None:
    """Run the scripts of a phase, in the order of their names; nothing if no directory of scripts was given.

    They are placed afresh each time, because a package may have changed or removed them. Raises TestEnded if one fails.
    """
    directories = examination.options.tests.scripts
    if not directories:
        return
    examination.log.info(f"Running scripts {phase}")
    for script in read_scripts(directories).of(phase):
        path = f"{_PLACE}/{script.name}"
        examination.chroot.put(path, script.content, mode=script.mode)
        examination.execute(path, network=True)
        examination.remove(path)


def require_testable(examination: Examination) -> None:
    """Ask the is_testable scripts, once the reference is taken. Raises TestEnded if one objects."""
    run_scripts(examination, "is_testable")
