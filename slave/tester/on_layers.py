"""A test on ready layers of dependencies. Only a pass counts; whatever else comes is tested from the base alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from piufarm.errors import FarmError
from piufarm.outcome import Outcome
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Backend, ChrootLimits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.layers.likeness import differences, differing_lines
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.layered import Found, Layering
from piufarm.slave.tester.log import TestLog
from piufarm.slave.tester.options import Options
from piufarm.slave.tester.result import GroupResult, LayerUse, RunResult


class Examine(Protocol):
    """One test in a chroot of its own, on layers if some are given; adds to the result."""

    def __call__(self, backend: Backend, found: Found | None = None) -> Outcome | None: ...


@dataclass(frozen=True)
class _Attempt:
    """What came of the test on layers."""

    outcome: Outcome | None
    result: GroupResult | None
    problem: str  # why it does not count, or nothing


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
        with layering.found(planned, backend, self.log) as found:
            if found is None:
                return examine(backend)
            return self._test(found, layering, backend, examine)

    def _test(self, found: Found, layering: Layering, backend: Backend, examine: Examine) -> Outcome | None:
        with self.log.held_back() as record:
            attempt = self._attempt(found, examine)
            if not attempt.problem and not self.options.layers.recheck:
                self.result.layers.append(LayerUse(found.keys, counts=True))
                record.show()
                return attempt.outcome
            lines = record.lines()
        self.log.info(f"What was tested on layers of dependencies does not count: {attempt.problem or 'a recheck'}")
        with self.log.held_back() as usual:
            try:
                outcome = examine(backend)
            finally:
                usual.show()
            differ = self._compare(attempt, outcome)
            notes = list(differing_lines(lines, usual.lines())) if attempt.result is not None else []
        if differ:
            layering.drop(found)
        for text in (*differ, *(f"line {note}" for note in notes)):
            self.log.debug(f"layers: {text}")
        self.result.layers.append(LayerUse(found.keys, False, attempt.problem, differ))
        return outcome

    def _attempt(self, found: Found, examine: Examine) -> _Attempt:
        """The test on layers; what it adds to the result stays only if it passes and has installed what was planned."""
        groups = self.result.groups
        before = len(groups)
        try:
            outcome = examine(found.backend, found)
        except FarmError as error:
            del groups[before:]
            return _Attempt(None, None, error.message.partition("\n")[0])
        result = groups[-1]
        problem = self._problem(found, outcome, result)
        if problem or self.options.layers.recheck:
            del groups[before:]
        return _Attempt(outcome, result, problem)

    def _problem(self, found: Found, outcome: Outcome | None, result: GroupResult) -> str:
        if outcome is not Outcome.PASS:
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
