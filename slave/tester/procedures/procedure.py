"""What a procedure is: one whole test of a group of packages, made of phases, in a chroot of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from piufarm.outcome import Finding, Outcome, Severity, judge
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.examination import Examination, TestEnded


class NotApplicable(Exception):
    """The test says nothing about these packages: it is left out, for the reason given."""


class Decided(Exception):
    """What was found decides the verdict: the phases to come are left out."""


def _always(_: Options) -> bool:
    return True


def _applies(_: Options) -> str:
    return ""


@dataclass(frozen=True)
class Phase:
    """A part of a test. Its name stands beside its duration in the result."""

    name: str
    run: Callable[[Examination], None]
    label: str = ""  # what scripts see as PIUPARTS_PHASE
    is_wanted: Callable[[Options], bool] = _always


@dataclass(frozen=True)
class Procedure:
    """A test. Scripts see its name as PIUPARTS_TEST; the title stands in the log behind PASS: or FAIL:."""

    name: str
    title: str
    phases: tuple[Phase, ...]
    is_wanted: Callable[[Options], bool]
    why_not: Callable[[Options], str] = _applies  # why it cannot be made although it is wanted, or nothing

    def carry_out(self, examination: Examination) -> Outcome | None:
        """Take a group through all phases: the verdict, or None if the test does not apply. Raises FarmError."""
        try:
            with suppress(Decided):
                self._go_through(examination)
        except TestEnded:
            return judge(examination.findings)
        except NotApplicable as reason:
            examination.report(Finding("left-out", Severity.INFO, str(reason)))
            return None
        outcome = judge(examination.findings)
        if outcome is Outcome.PASS:
            examination.log.info(f"PASS: {self.title}")
        else:
            examination.log.error(f"FAIL: {self.title}")
        return outcome

    def _go_through(self, examination: Examination) -> None:
        for phase in self.phases:
            if phase.is_wanted(examination.options):
                labels = {"PIUPARTS_PHASE": phase.label} if phase.label else {}
                examination.set_variables(PIUPARTS_TEST=self.name, **labels)
                with examination.timed(phase.name):
                    phase.run(examination)
