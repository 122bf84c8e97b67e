"""Runs custom scripts in the chroot, at the phases of a test, and asks them whether packages can be tested at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from piufarm.errors import FarmError
from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import CommandResult
from piufarm.slave.tester.examination import Examination, TestEnded
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.scripts.script_set import SCRIPTS_PLACE, ScriptSet
from piufarm.slave.tester.state.control import control_of
from piufarm.slave.tester.steps.placing import place

_CONTROL: Final = f"{SCRIPTS_PLACE}/control"
_TESTABLE: Final = "is_testable"
_FAIL_BIT: Final = 2
_NOT_RUN: Final = 126  # from here on a status tells that a program could not be run
_LOOK: Final = "look at the log: it is a script of --scriptsdir"


class Skipped(Exception):
    """A script says that these packages are not to be tested; the finding is already recorded."""


def run_scripts(examination: Examination, phase: str) -> None:
    """Run the scripts of a phase, in the order of their names; nothing unless the options name a directory of scripts.

    Raises TestEnded if one fails.
    """
    _run(examination, phase, may_fail=False)


def require_testable(examination: Examination) -> None:
    """Ask the is_testable scripts, once the reference is taken: their statuses are OR-ed.

    Raises Skipped if packages are not to be tested, TestEnded if they are to fail, FarmError if a script did not end
    by itself: nothing under test is there yet.
    """
    try:
        results = _run(examination, _TESTABLE, may_fail=True)
    except TestEnded as error:
        raise FarmError("a script could not say whether the packages can be tested", hint=_LOOK) from error
    answer = 0
    for result in results:
        if not 0 <= result.status < _NOT_RUN:
            raise FarmError(f"{result.argv[0]} ended with status {result.status}", hint=_LOOK)
        answer |= result.status
    if answer == 0:
        return
    fails = bool(answer & _FAIL_BIT)
    names = " ".join(package.wanted for package in examination.group.packages)
    text = f"{'FAIL' if fails else 'SKIP'}: All tests. Package cannot be tested with piuparts: {names}."
    examination.findings.append(Finding(_TESTABLE, Severity.ERROR if fails else Severity.WARNING, text))
    examination.log.info(text)
    raise TestEnded(_TESTABLE) if fails else Skipped(names)


def _run(examination: Examination, phase: str, *, may_fail: bool) -> list[CommandResult]:
    scripts = examination.options.tests.scripts
    if scripts is None:
        return []
    examination.log.info(f"Running scripts {phase}")
    chosen = [f"{SCRIPTS_PLACE}/{script.name}"[1:] for script in scripts.of(phase)]  # as logs have always had it
    if not chosen:
        return []
    with examination.timed("scripts"), _placed(examination, scripts) as environment:
        return [examination.execute(path, network=True, may_fail=may_fail, environment=environment) for path in chosen]


@contextmanager
def _placed(examination: Examination, scripts: ScriptSet) -> Iterator[dict[str, str]]:
    """Put all scripts where they expect each other, and the control file; gives the variable that names that.

    This is done afresh for each phase, because packages can change or remove what lies there. Raises TestEnded if
    something of theirs is in the way.
    """
    files = {f"{SCRIPTS_PLACE}/{script.name}": (script.content, script.mode) for script in scripts.scripts}
    if examination.group.debs:
        files[_CONTROL] = (_paragraphs(examination.group), 0o644)
    for path, (content, mode) in files.items():
        place(examination, path, content, mode=mode)
    try:
        yield {"PIUFARM_CONTROL": _CONTROL} if _CONTROL in files else {}
    finally:
        for path in files:
            examination.remove(path)


def _paragraphs(group: Group) -> bytes:
    """The control data of packages that are tested as files: before they are installed nothing else tells of them."""
    controls = (control_of(deb) for deb in group.debs)
    text = "\n".join("".join(f"{name}: {value}\n" for name, value in fields.items()) for fields in controls)
    return text.encode("utf-8", "surrogateescape")
