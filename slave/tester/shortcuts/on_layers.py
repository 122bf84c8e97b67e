"""A test on ready layers of dependencies. What does not pass is tested again from the base alone, and that counts.

What the base alone shows to be the doing of dependencies is known of these from then on: other packages that need them
fail with the same errors at once.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from typing import Final, Protocol

from piufarm.errors import FarmError, Unforeseen
from piufarm.outcome import Finding, Outcome, Severity, is_innocent
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Backend, ChrootLimits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.layers.faults import Error, Faults
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.layers.likeness import differences, differing_lines
from piufarm.slave.layers.plan import Versions
from piufarm.slave.tester.blame.culprits import culprits_of
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.result import GroupResult, LayerUse, RunResult, plain_name
from piufarm.slave.tester.shortcuts.layered import Found, Layering

_OTHER_PACKAGES: Final = "apt has installed something else than in the base"


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
        forecast = Forecast.read(self.options.layers.plan)
        planned = forecast.planned.get(wanted := group.packages[0].wanted)
        layering = Layering(self.options, base, self.limits, self.release)
        with ExitStack() as rooms:
            found = None
            if planned is not None and planned.installed:
                found = self._found(rooms, layering.found(planned, forecast.debs[wanted], backend, self.log))
            if found is None:
                return self._test_alone(layering, backend, examine)
            return self._test(found, layering, backend, examine)

    def _found(self, rooms: ExitStack, layers: AbstractContextManager[Found | None]) -> Found | None:
        """The layers, for as long as `rooms` last; none if anything is wrong with them."""
        try:
            with Unforeseen(self.log.warning):
                return rooms.enter_context(layers)
        except (FarmError, OSError) as error:
            self.log.info(f"no layers for now: {error}")
            return None

    def _test(self, found: Found, layering: Layering, backend: Backend, examine: Examine) -> Outcome | None:
        with self.log.held_back() as record:
            attempt = self._attempt(found, layering.faults, examine)
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
                outcome = self._test_alone(layering, backend, examine)
            finally:
                usual.show()
            differ = self._compare(attempt, outcome)
            notes = list(differing_lines(lines, usual.lines())) if attempt.result is not None else []
        if differ:
            layering.drop(found)
            layering.faults.forget([error.text for error in _errors(attempt.result)] if attempt.result else ())
        for text in (*differ, *(f"line {note}" for note in notes)):
            self.log.debug(f"layers: {text}")
        self.result.layers.append(LayerUse(found.keys, False, attempt.problem, differ))
        return outcome

    def _test_alone(self, layering: Layering, backend: Backend, examine: Examine) -> Outcome | None:
        """From the base alone; what dependencies fail it with, they are known for."""
        outcome = examine(backend)
        if outcome is Outcome.FAIL:
            result = self.result.groups[-1]
            with suppress(OSError):  # the verdict does not wait for room on the disk
                for error in _errors_of_others(result):
                    layering.faults.learn(asdict(error), _plain(result.installed))
        return outcome

    def _attempt(self, found: Found, faults: Faults, examine: Examine) -> _Attempt:
        """The test on layers; what it adds to the result stays only if it passes and has installed what was planned."""
        groups = self.result.groups
        before = len(groups)
        traces: list[str] = []
        try:
            with Unforeseen(traces.append):
                outcome = examine(found.backend, found)
                known = faults.of(_plain(groups[-1].installed)) if outcome is Outcome.FAIL else ()
                result = groups[-1] = _with_known_errors(groups[-1], known)
                problem = self._problem(found, outcome, result, known)
        except (FarmError, OSError) as error:
            del groups[before:]
            return _Attempt(None, None, str(error).partition("\n")[0], "".join(traces))
        if problem or self.options.layers.recheck:
            del groups[before:]
        return _Attempt(outcome, result, problem)

    def _problem(
        self, found: Found, outcome: Outcome | None, result: GroupResult, known: Collection[Error]
    ) -> str:
        texts = {error["text"] for error in known}
        if outcome is not Outcome.PASS and not all(error.text in texts for error in _errors(result)):
            return "it did not pass"
        return "" if _plain(result.installed) == found.planned.installed else _OTHER_PACKAGES

    def _compare(self, attempt: _Attempt, outcome: Outcome | None) -> list[str]:
        """What is wrong with the layers: a failure that the base alone shows, too, is none of theirs."""
        if attempt.result is None or attempt.problem == _OTHER_PACKAGES:
            return []
        usual = self.result.groups[-1]
        return list(differences((attempt.outcome, attempt.result.findings), (outcome, usual.findings)))


def _errors(result: GroupResult) -> list[Finding]:
    return [finding for finding in result.findings if finding.severity is Severity.ERROR]


def _errors_of_others(result: GroupResult) -> list[Finding]:
    """Errors that are certainly not the doing of the packages under test."""
    own = {plain_name(name) for name in result.packages}
    return [error for error in _errors(result) if is_innocent([error], own)]


def _plain(installed: Versions) -> dict[str, str]:
    return {name.partition(":")[0]: version for name, version in installed.items()}


def _with_known_errors(result: GroupResult, errors: Collection[Error]) -> GroupResult:
    """On layers nobody knows who made what lies in them: that is taken from the test that has shown an error."""
    if not errors:
        return result
    known = {error["text"]: tuple(error["culprits"]) for error in errors}
    findings = [
        replace(finding, culprits=known[finding.text], is_settled=True) if finding.text in known else finding
        for finding in result.findings
    ]
    own = [plain_name(name) for name in result.packages]
    return replace(result, findings=findings, culprits=culprits_of(findings), innocent=is_innocent(findings, own))
