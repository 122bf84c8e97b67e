"""A test on ready layers of dependencies. What does not pass is tested again from the base alone, and that counts.

Where the base alone shows the same errors, these are known of the layers from then on: the dependencies have them, and
other packages that need these fail with the same ones at once.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from piufarm.errors import FarmError, Unforeseen
from piufarm.outcome import Finding, Outcome, Severity, is_innocent
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Backend, ChrootLimits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.layers.likeness import differences, differing_lines
from piufarm.slave.layers.plan import Planned
from piufarm.slave.layers.shelf import Layer
from piufarm.slave.tester.blame.culprits import culprits_of
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.result import GroupResult, LayerUse, RunResult, plain_name
from piufarm.slave.tester.shortcuts.layered import Found, Layering


class Examine(Protocol):
    """One test in a chroot of its own, on layers if some are given; adds to the result."""

    def __call__(self, backend: Backend, found: Found | None = None) -> Outcome | None: ...


@dataclass(frozen=True)
class _Attempt:
    """What came of the test on layers."""

    outcome: Outcome | None
    result: GroupResult | None
    problem: str  # why it does not count, or nothing
    traceback: str = ""  # of a mistake of ours that it ran into


@dataclass(frozen=True)
class OnLayers:
    """Tests on layers."""

    options: Options
    log: TestLog
    result: RunResult
    limits: ChrootLimits
    release: str | None

    def run(self, group: Group, base: PreparedBase, backend: Backend, examine: Examine) -> Outcome | None:
        """The test of a group that can stand on layers. Raises FarmError."""
        assert self.options.layers.plan is not None and isinstance(backend, OverlayBackend)
        planned = Forecast.read(self.options.layers.plan).planned.get(group.packages[0].wanted)
        if planned is None or not planned.layers:
            return examine(backend)
        layering = Layering(self.options, base, self.limits, self.release)
        with ExitStack() as rooms:
            found = self._found(layering, planned, backend, rooms)
            if found is None:
                return examine(backend)
            return self._test(found, layering, backend, examine)

    def _found(self, layering: Layering, planned: Planned, backend: OverlayBackend, rooms: ExitStack) -> Found | None:
        """The layers, for as long as `rooms` last; none if anything is wrong with them."""
        try:
            with Unforeseen(self.log.warning):
                return rooms.enter_context(layering.found(planned, backend, self.log))
        except (FarmError, OSError) as error:
            self.log.info(f"no layers for now: {error}")
            return None

    def _test(self, found: Found, layering: Layering, backend: Backend, examine: Examine) -> Outcome | None:
        with self.log.held_back() as record:
            attempt = self._attempt(found, examine)
            if not attempt.problem and not self.options.layers.recheck:
                self.result.layers.append(LayerUse(found.keys, counts=True))
                record.show()
                return attempt.outcome
            lines = record.lines()
        self.log.info(f"What was tested on layers of dependencies does not count: {attempt.problem or 'a recheck'}")
        if attempt.traceback:
            self.log.warning(attempt.traceback)
        with self.log.held_back() as usual:
            try:
                outcome = examine(backend)
            finally:
                usual.show()
            differ = self._compare(attempt, outcome)
            notes = list(differing_lines(lines, usual.lines())) if attempt.result is not None else []
        if differ:
            layering.drop(found)
        elif attempt.result is not None and outcome is Outcome.FAIL:
            found.layers[-1].confirm([asdict(error) for error in _errors_of_others(self.result.groups[-1])])
        for text in (*differ, *(f"line {note}" for note in notes)):
            self.log.debug(f"layers: {text}")
        self.result.layers.append(LayerUse(found.keys, False, attempt.problem, differ))
        return outcome

    def _attempt(self, found: Found, examine: Examine) -> _Attempt:
        """The test on layers; what it adds to the result stays only if it passes and has installed what was planned."""
        groups = self.result.groups
        before = len(groups)
        traces: list[str] = []
        try:
            with Unforeseen(traces.append):
                outcome = examine(found.backend, found)
                result = groups[-1] = _with_known_errors(groups[-1], found.layers[-1])
                problem = self._problem(found, outcome, result)
        except (FarmError, OSError) as error:
            del groups[before:]
            return _Attempt(None, None, str(error).partition("\n")[0], "".join(traces))
        if problem or self.options.layers.recheck:
            del groups[before:]
        return _Attempt(outcome, result, problem)

    def _problem(self, found: Found, outcome: Outcome | None, result: GroupResult) -> str:
        known = [error["text"] for error in found.layers[-1].confirmed()]
        if outcome is not Outcome.PASS and not all(error.text in known for error in _errors(result)):
            return "it did not pass"
        installed = {name.partition(":")[0]: version for name, version in result.installed.items()}
        return "" if installed == found.planned.installed else "apt has installed something else than in the base"

    def _compare(self, attempt: _Attempt, outcome: Outcome | None) -> list[str]:
        """A failure on layers that the base alone shows, too, is none of theirs."""
        if attempt.result is None:
            return []
        usual = self.result.groups[-1]
        found = differences((attempt.outcome, attempt.result.findings), (outcome, usual.findings))
        return [*found, *([attempt.problem] if attempt.problem.startswith("apt") else [])]


def _errors(result: GroupResult) -> list[Finding]:
    return [finding for finding in result.findings if finding.severity is Severity.ERROR]


def _errors_of_others(result: GroupResult) -> list[Finding]:
    """Errors that are certainly not the doing of the packages under test."""
    own = {plain_name(name) for name in result.packages}
    return [error for error in _errors(result) if is_innocent([error], own)]


def _with_known_errors(result: GroupResult, layer: Layer) -> GroupResult:
    """On layers nobody knows who made what lies in them: that is taken from the test that has confirmed an error."""
    known = {error["text"]: error for error in layer.confirmed()}
    findings = [
        replace(finding, culprits=tuple(known[finding.text]["culprits"]), is_settled=True)
        if finding.text in known else finding
        for finding in result.findings
    ]
    if not known or result.outcome is not Outcome.FAIL:
        return result
    own = [plain_name(name) for name in result.packages]
    return replace(
        result, findings=findings, culprits=culprits_of(findings), innocent=is_innocent(findings, own)
    )
