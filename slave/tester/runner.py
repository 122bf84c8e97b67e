"""A whole run: prepare the base, examine one group after the other in fresh chroots, say how it went."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from piufarm.outcome import Finding, Outcome, Severity
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.tarball import save_tarball, save_tree
from piufarm.slave.chroot.interface import Backend
from piufarm.slave.chroot.tree import made_to_show
from piufarm.slave.network.plain import make_room
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.inputs import Group, resolve
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.result import GroupResult, RunResult
from piufarm.slave.tester.procedures import wanted_procedures
from piufarm.slave.tester.procedures.procedure import Procedure
from piufarm.slave.tester.scripts.running import Skipped
from piufarm.slave.tester.shortcuts.layered import forecast
from piufarm.slave.tester.stage import Stage
from piufarm.slave.tester.trial import Look, Trial


@dataclass
class Runner:
    """Runs what the options ask for."""

    options: Options
    log: TestLog
    result: RunResult
    look: Look = lambda *_: None  # at each root when its test is over

    @cached_property
    def _stage(self) -> Stage:
        return Stage(self.options, self.log, self.result)

    def run(self) -> Outcome:
        """The verdict of the run: fail if a group fails. Raises FarmError, UsageError."""
        outcome = self._run()
        self.result.outcome = outcome
        if self.options.layers.write_plan is not None:
            self.log.info("The plan is written, nothing was tested.")
        elif outcome is Outcome.PASS:
            self.log.info("PASS: All tests.")
            self.log.info("piuparts run ends.")
        else:
            self.log.error("piuparts run ends.")
        return outcome

    def _run(self) -> Outcome:
        """All groups are tested, whatever becomes of one of them."""
        if self.options.layers.write_plan is not None:
            self._plan(self.options.layers.write_plan)
            return Outcome.PASS
        procedures = wanted_procedures(self.options)
        groups = resolve(self.options) if procedures else []
        outcomes = [self._refuse(group) for group in groups if group.problem]
        sound = [group for group in groups if not group.problem]
        if sound or not groups:
            outcomes += self._test(sound, procedures)
        return Outcome.FAIL if Outcome.FAIL in outcomes else Outcome.PASS

    def _plan(self, path: Path) -> None:
        """Write down what is to be fetched, and which dependencies are worth a layer."""
        base, _ = self._stage.prepare()
        with base, self._stage.timed("plan"):
            roots = self._stage.roots
            make_room(roots.network.plain_debs, self.options.layers.disk_mebibytes << 20)
            forecast(self.options, base, roots.target_release, roots.network.upstream_proxy).write(path)

    def _refuse(self, group: Group) -> Outcome:
        self.log.error(group.problem)
        finding = Finding("package-file", Severity.ERROR, group.problem)
        packages = [package.wanted for package in group.packages]
        self.result.groups.append(GroupResult(packages, Outcome.FAIL, [finding], {}, {}, ""))
        return Outcome.FAIL

    def _test(self, groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Outcome]:
        base, backend = self._stage.prepare()
        with base:
            self.result.base_id, self.result.base_packages = base.base_id, base.packages
            self._stage.show_preparation(base)
            if self.options.root.save is not None:
                with self._stage.timed("save"):
                    self._save(self.options.root.save.absolute(), base, backend)
            outcomes = []
            for number, group in enumerate(groups, 1):
                if len(groups) > 1:
                    self.log.info(f"Testing {group.title} ({number} of {len(groups)})")
                trials = [Trial(self._stage, group, procedure, base, self.look) for procedure in procedures]
                outcomes.append(self._all(trials, backend))
        return outcomes

    def _save(self, path: Path, base: PreparedBase, backend: Backend) -> None:
        """The base, or what custom scripts make of it."""
        if self.options.tests.scripts is None:
            save_tarball(base, path)
            return
        with self._stage.bare_root("", base, backend) as examination:
            chroot = examination.chroot
            save_tree(Path(f"/proc/{chroot.host_pid}/root"), path, without=made_to_show(chroot.shown, base.tree))

    def _all(self, trials: Sequence[Trial], backend: Backend) -> Outcome:
        """All tests of a group, up to the first that it fails."""
        with suppress(Skipped):
            for trial in trials:
                if reason := trial.procedure.why_not(self.options):
                    self.log.info(reason)
                elif trial.run(backend) is Outcome.FAIL:
                    return Outcome.FAIL
        return Outcome.PASS
