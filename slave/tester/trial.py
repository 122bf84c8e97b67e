"""One test of one group, in a chroot of its own: on layers or on an upgraded base where that makes no difference."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from piufarm.outcome import Outcome
from piufarm.slave.bases.housekeeping import REFERENCES
from piufarm.slave.bases.prepare import default_cache
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Backend, Chroot, OverlayFallsShort
from piufarm.slave.tester.examination import Examination, TestEnded
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.output.result import GroupResult
from piufarm.slave.tester.procedures.procedure import Procedure
from piufarm.slave.tester.scripts.running import Skipped, require_testable
from piufarm.slave.tester.shortcuts.layered import Found, can_stand_on_layers, takes_layers
from piufarm.slave.tester.shortcuts.on_layers import OnLayers
from piufarm.slave.tester.shortcuts.on_upgraded_base import OnUpgradedBase
from piufarm.slave.tester.shortcuts.upgraded_base import may_go_around
from piufarm.slave.tester.stage import Stage
from piufarm.slave.tester.steps.set_up import set_up
from piufarm.slave.tester.upgrades.way import Way

Look = Callable[[Chroot, Outcome | None], None]


@dataclass(frozen=True)
class Trial:
    """Which packages are tested, how, and on what. What comes of it is added to the stage's result."""

    stage: Stage
    group: Group
    procedure: Procedure
    base: PreparedBase
    look: Look  # at each root when its test is over

    def run(self, backend: Backend) -> Outcome | None:
        """The shortest way to the verdict; None if the test does not apply. Raises Skipped, FarmError."""
        options, log, result = self.stage.options, self.stage.log, self.stage.result
        if options.layers.plan is not None and can_stand_on_layers(options, self.group, self.procedure, backend):
            on_layers = OnLayers(options, log, result, self.stage.limits, self.stage.roots.target_release)
            return on_layers.run(self.group, self.base, backend, self.examine)
        if may_go_around(options) and takes_layers(backend) and len(self.base.layers) == 1:
            return OnUpgradedBase(options, log, result).run(partial(self.examine, backend))
        return self.examine(backend)

    def examine(self, backend: Backend, found: Found | None = None, *, around: bool = False) -> Outcome | None:
        """The test on these layers, or none; `around`: it may go around the upgrade of the base.

        Where an overlay does not do, once more on a copy.
        """
        try:
            return self._examine(backend, found, around=around)
        except OverlayFallsShort as error:
            self.stage.result.groups.pop()
            self.stage.log.info(f"{error.message}; once more in a full copy of the base")
            return self._examine(backend.copying())

    def _examine(self, backend: Backend, found: Found | None = None, *, around: bool = False) -> Outcome | None:
        with self.stage.opened(self.base, backend) as chroot, ExitStack() as rooms:
            if found is not None:
                found.tell(self.stage.log, chroot.root)
            examination = self.stage.examination(chroot, self.group)
            examination.set_variables(PIUPARTS_TEST=self.procedure.name)
            if self.stage.options.tests.is_distupgrade:
                examination.way = self._way(backend, rooms if around else None)
            outcome = self._judged(examination)
            if found is None:  # what is tested on layers is tested again if it fails
                self.look(examination.chroot, outcome)
        return outcome

    def _judged(self, examination: Examination) -> Outcome | None:
        """Go through the test; whatever becomes of it is noted."""
        outcome: Outcome | None = None
        try:
            with examination.timed("set up"):
                set_up(examination)
            require_testable(examination)
            outcome = self.procedure.carry_out(examination)
        except Skipped:
            outcome = Outcome.UNTESTABLE
            raise
        except TestEnded:
            outcome = Outcome.FAIL
        finally:
            self._note(examination, outcome)
        return outcome

    def _way(self, backend: Backend, rooms: ExitStack | None) -> Way:
        """`rooms`: where to open an upgraded root, if the test may go on in one."""
        stage = self.stage
        another_root = partial(stage.bare_root, self.procedure.name, self.base, backend)
        open_upgraded = None if rooms is None else partial(stage.open_upgraded, self.base, backend, rooms)
        return Way(stage.roots.suites, another_root, stage.roots.network, default_cache() / REFERENCES, open_upgraded)

    def _note(self, examination: Examination, outcome: Outcome | None) -> None:
        """Add what is known about a test to the result, also of one that did not end."""
        result = GroupResult.of(examination, self.procedure.name, outcome)
        self.stage.result.groups.append(result)
        if outcome is Outcome.FAIL and result.fault:
            self.stage.log.info(f"At fault: {result.fault}")
