"""A whole run: prepare the base, examine one group after the other in fresh chroots, say how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.outcome import Finding, Outcome, Severity
from piufarm.slave.bases.housekeeping import REFERENCES
from piufarm.slave.bases.prepare import default_cache
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.tarball import save_tarball, save_tree
from piufarm.slave.chroot.interface import Backend, Chroot, ChrootLimits, OverlayFallsShort
from piufarm.slave.chroot.limits import NO_LIMITS
from piufarm.slave.chroot.tree import made_to_show
from piufarm.slave.network.plain import make_room
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.examination import Examination, TestEnded
from piufarm.slave.tester.inputs import Group, resolve
from piufarm.slave.tester.output.log import TestLog, decode_output, quote_command
from piufarm.slave.tester.output.result import GroupResult, RunResult
from piufarm.slave.tester.procedures import wanted_procedures
from piufarm.slave.tester.procedures.procedure import Procedure
from piufarm.slave.tester.roots.standing import Roots
from piufarm.slave.tester.scripts.running import Skipped, require_testable
from piufarm.slave.tester.shortcuts.layered import Found, can_stand_on_layers, forecast, takes_layers
from piufarm.slave.tester.shortcuts.on_layers import OnLayers
from piufarm.slave.tester.shortcuts.on_upgraded_base import OnUpgradedBase
from piufarm.slave.tester.shortcuts.upgraded_base import may_go_around
from piufarm.slave.tester.steps.set_up import set_up
from piufarm.slave.tester.upgrades.way import Way
from piufarm.trouble import TroubleKind


@dataclass
class Runner:
    """Runs what the options ask for."""

    options: Options
    log: TestLog
    result: RunResult
    look: Callable[[Chroot, Outcome | None], None] = lambda *_: None  # at each root when its test is over

    def run(self) -> Outcome:
        """The verdict of the run: fail if a group fails. Raises FarmError, UsageError."""
        outcome = self._run()
        self.result.outcome = outcome
        if outcome is Outcome.PASS:
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

    def _test(self, groups: Sequence[Group], procedures: Sequence[Procedure]) -> list[Outcome]:
        with self._timed("base"), _trouble_with_chroots():
            base, backend = self._roots.prepare()
        with base:
            self.result.base_id, self.result.base_packages = base.base_id, base.packages
            self._show_preparation(base)
            if self.options.root.save is not None:
                with self._timed("save"):
                    self._save(self.options.root.save.absolute(), base, backend)
            outcomes = []
            for number, group in enumerate(groups, 1):
                if len(groups) > 1:
                    self.log.info(f"Testing {group.title} ({number} of {len(groups)})")
                outcomes.append(self._examine_with(procedures, group, base, backend))
        return outcomes

    def _save(self, path: Path, base: PreparedBase, backend: Backend) -> None:
        """The base, or what custom scripts make of it."""
        if self.options.tests.scripts is None:
            save_tarball(base, path)
            return
        with self._bare_root("", base, backend) as examination:
            chroot = examination.chroot
            save_tree(Path(f"/proc/{chroot.host_pid}/root"), path, without=made_to_show(chroot.shown, base.tree))

    def _examine_with(
        self, procedures: Sequence[Procedure], group: Group, base: PreparedBase, backend: Backend
    ) -> Outcome:
        """All tests of a group, up to the first that it fails."""
        with suppress(Skipped):
            for procedure in procedures:
                if reason := procedure.why_not(self.options):
                    self.log.info(reason)
                elif self._examine(group, procedure, base, backend) is Outcome.FAIL:
                    return Outcome.FAIL
        return Outcome.PASS

    def _refuse(self, group: Group) -> Outcome:
        self.log.error(group.problem)
        finding = Finding("package-file", Severity.ERROR, group.problem)
        packages = [package.wanted for package in group.packages]
        self.result.groups.append(GroupResult(packages, Outcome.FAIL, [finding], {}, {}, ""))
        return Outcome.FAIL

    @cached_property
    def _roots(self) -> Roots:
        return Roots(self.options, self.log.progress)

    def _show_preparation(self, base: PreparedBase) -> None:
        for command in base.preparation:
            words = quote_command(("chroot", str(base.root), *command.argv))
            self.log.debug(f"Starting command: {words}")
            if command.output:
                self.log.dump(f"\n{decode_output(command.output)}".rstrip("\n"))
            self.log.debug(f"Command ok: {words}")

    def _examine(
        self, group: Group, procedure: Procedure, base: PreparedBase, backend: Backend
    ) -> Outcome | None:
        """One test, again on a copy if an overlay does not do; None if it does not apply. Raises Skipped."""
        if self.options.layers.plan is not None and can_stand_on_layers(self.options, group, procedure, backend):
            test = OnLayers(self.options, self.log, self.result, self._limits, self._roots.target_release)
            return test.run(group, base, backend, partial(self._examine_on_base, group, procedure, base))
        if may_go_around(self.options) and takes_layers(backend) and len(base.layers) == 1:
            test_of_upgrades = OnUpgradedBase(self.options, self.log, self.result)
            return test_of_upgrades.run(partial(self._examine_on_base, group, procedure, base, backend))
        return self._examine_on_base(group, procedure, base, backend)

    def _examine_on_base(
        self,
        group: Group,
        procedure: Procedure,
        base: PreparedBase,
        backend: Backend,
        found: Found | None = None,
        *,
        around: bool = False,
    ) -> Outcome | None:
        try:
            return self._examine_in(group, procedure, base, backend, found, around=around)
        except OverlayFallsShort as error:
            self.result.groups.pop()
            self.log.info(f"{error.message}; once more in a full copy of the base")
            return self._examine_in(group, procedure, base, backend.copying())

    @property
    def _limits(self) -> ChrootLimits:
        return self.options.chroot_limits or NO_LIMITS

    def _plan(self, path: Path) -> None:
        """Write down what is to be fetched, and which dependencies are worth a layer."""
        with self._timed("base"), _trouble_with_chroots():
            base, _ = self._roots.prepare()
        with base, self._timed("plan"):
            release, proxy = self._roots.target_release, self._roots.network.upstream_proxy
            make_room(self._roots.network.plain_debs, self.options.layers.disk_mebibytes << 20)
            forecast(self.options, base, release, proxy).write(path)

    def _examine_in(
        self,
        group: Group,
        procedure: Procedure,
        base: PreparedBase,
        backend: Backend,
        found: Found | None = None,
        *,
        around: bool = False,
    ) -> Outcome | None:
        """One test in a chroot of its own; None if it does not apply to these packages. Raises Skipped."""
        with self._opened(backend.open(base, self._limits)) as chroot, ExitStack() as rooms:
            self.log.debug(f"Created a chroot of base {base.base_id} at {chroot.root}")
            if found is not None:
                found.tell(self.log, chroot.root)
            examination = Examination(chroot, group, self.options, self.log, self._roots.target_release)
            examination.set_variables(PIUPARTS_TEST=procedure.name)
            if self.options.tests.is_distupgrade:
                examination.way = self._way(procedure, base, backend, rooms if around else None)
            outcome: Outcome | None = None
            try:
                with examination.timed("set up"):
                    set_up(examination)
                require_testable(examination)
                outcome = procedure.carry_out(examination)
            except Skipped:
                outcome = Outcome.UNTESTABLE
                raise
            except TestEnded:
                outcome = Outcome.FAIL
            finally:
                self._keep(procedure, examination, outcome)
            if found is None:  # what is tested on layers is tested again if it fails
                self.look(examination.chroot, outcome)
        return outcome

    def _way(self, procedure: Procedure, base: PreparedBase, backend: Backend, rooms: ExitStack | None) -> Way:
        """`rooms`: where to open an upgraded root, if the test may go on in one."""
        another_root = partial(self._bare_root, procedure.name, base, backend)
        cache = default_cache() / REFERENCES
        open_upgraded = partial(self._open_upgraded, base, backend, rooms) if rooms is not None else None
        return Way(self._roots.suites, another_root, self._roots.network, cache, open_upgraded)

    def _open_upgraded(self, base: PreparedBase, backend: Backend, rooms: ExitStack) -> Chroot:
        """A root of the base, upgraded to the last suite; it stays as long as the one of the test."""
        with self._timed("base"):
            upgraded = rooms.enter_context(self._roots.upgraded(base))
        chroot = rooms.enter_context(self._opened(backend.open(upgraded, self._limits)))
        self._show_preparation(upgraded)
        self.log.debug(f"Created a chroot of base {upgraded.base_id} at {chroot.root}")
        return chroot

    @contextmanager
    def _bare_root(self, test: str, base: PreparedBase, backend: Backend) -> Iterator[Examination]:
        """A root for no packages at all, set up like that of a test."""
        limits = replace(self._limits, seconds=0)  # a reference of its own takes as long as it takes
        with self._opened(backend.open(base, limits)) as chroot:
            self.log.debug(f"Created a chroot of base {base.base_id} at {chroot.root}")
            examination = Examination(chroot, Group(()), self.options, self.log, self._roots.target_release)
            # a reference serves all packages; an image is asked for by the name TARBALL, which scripts look for
            variables = {"PIUPARTS_TEST": test} if test else {"PIUPARTS_OBJECTS": " ".join(self.options.operands)}
            examination.set_variables(**variables)
            set_up(examination)
            yield examination

    def _keep(self, procedure: Procedure, examination: Examination, outcome: Outcome | None) -> None:
        """Add what is known about a test to the result, also of one that did not end."""
        result = GroupResult.of(examination, procedure.name, outcome)
        self.result.groups.append(result)
        if outcome is Outcome.FAIL and result.fault:
            self.log.info(f"At fault: {result.fault}")

    @contextmanager
    def _opened(self, chroot: AbstractContextManager[Chroot]) -> Iterator[Chroot]:
        """The chroot; how long it takes to make and to remove it is counted."""
        with ExitStack() as stack:
            with self._timed("open chroot"), _trouble_with_chroots():
                opened = stack.enter_context(chroot)
            yield opened
            with self._timed("close chroot"), _trouble_with_chroots():
                stack.close()

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        self.log.step(step)
        start = time.monotonic()
        try:
            yield
        finally:
            self.result.timings[step] = self.result.timings.get(step, 0.0) + time.monotonic() - start


@contextmanager
def _trouble_with_chroots() -> Iterator[None]:
    """What goes wrong here for no better known reason has to do with base or chroot."""
    try:
        yield
    except FarmError as error:
        if error.kind is TroubleKind.OTHER:
            error.kind = TroubleKind.CHROOT
        raise
