"""An upgrade between suites that may go around the upgrade of the base. Only a pass counts there.

Whatever else comes is tested once more, the long way, and that counts: so the log of a failing package is complete, and
going around can never be what makes it fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from piufarm.outcome import Outcome
from piufarm.slave.layers.likeness import differences
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.result import LayerUse, RunResult

_KEY: Final = "upgraded base"


class Examine(Protocol):
    """One test, that may go around the upgrade of the base or not; adds to the result."""

    def __call__(self, *, around: bool) -> Outcome | None: ...


@dataclass(frozen=True)
class OnUpgradedBase:
    """Tests on the upgraded base."""

    options: Options
    log: TestLog
    result: RunResult

    def run(self, examine: Examine) -> Outcome | None:
        """The test of a group, once more if the first one does not count. Raises FarmError."""
        groups = self.result.groups
        with self.log.held_back() as record:
            try:
                outcome = examine(around=True)
            except BaseException:
                record.show()
                raise
            attempt = groups[-1]
            is_good = outcome is Outcome.PASS
            if not attempt.on_upgraded_base or (is_good and not self.options.layers.recheck):
                record.show()
                return outcome
        groups.pop()
        reason = "a recheck" if is_good else "it did not pass"
        self.log.info(f"What was tested on the upgraded base does not count: {reason}")
        again = examine(around=False)
        differ = list(differences((outcome, attempt.findings), (again, groups[-1].findings)))
        for text in differ:
            self.log.debug(f"{_KEY}: {text}")
        self.result.layers.append(LayerUse((_KEY,), False, reason, differ))
        return again
