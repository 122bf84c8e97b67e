"""What all tests of a run have in common: its options, its log, its result, and the roots in which they are made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Backend, Chroot, ChrootLimits
from piufarm.slave.chroot.limits import NO_LIMITS
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.output.log import TestLog, decode_output
from piufarm.slave.tester.output.result import RunResult
from piufarm.slave.tester.roots.standing import Roots
from piufarm.slave.tester.steps.set_up import set_up
from piufarm.trouble import TroubleKind


@dataclass
class Stage:
    """Opens the chroots of a run; the log tells of them, and the result has what it took."""

    options: Options
    log: TestLog
    result: RunResult

    @cached_property
    def roots(self) -> Roots:
        """Where they come from. Raises UsageError."""
        return Roots(self.options, self.log.progress)

    @property
    def limits(self) -> ChrootLimits:
        """What a test may use up."""
        return self.options.chroot_limits or NO_LIMITS

    def prepare(self) -> tuple[PreparedBase, Backend]:
        """The base, to be closed when the run ends, and what makes chroots of it. Raises FarmError, UsageError."""
        with self.timed("base"), _trouble_with_chroots():
            return self.roots.prepare()

    def show_preparation(self, base: PreparedBase) -> None:
        """Log what was run just now to make or refresh a base."""
        for command in base.preparation:
            words = self.log.command_begins(("chroot", str(base.root), *command.argv))
            self.log.command_output(decode_output(command.output))
            self.log.command_ended(words)

    @contextmanager
    def opened(
        self, base: PreparedBase, backend: Backend, limits: ChrootLimits | None = None
    ) -> Iterator[Chroot]:
        """A chroot with the usual limits, or these; how long it takes to make and to remove it is counted."""
        with ExitStack() as stack:
            with self.timed("open chroot"), _trouble_with_chroots():
                chroot = stack.enter_context(backend.open(base, limits or self.limits))
            self.log.debug(f"Created a chroot of base {base.base_id} at {chroot.root}")
            yield chroot
            with self.timed("close chroot"), _trouble_with_chroots():
                stack.close()

    def examination(self, chroot: Chroot, group: Group) -> Examination:
        """To test a group in a chroot."""
        return Examination(chroot, group, self.options, self.log, self.roots.target_release)

    @contextmanager
    def bare_root(self, test: str, base: PreparedBase, backend: Backend) -> Iterator[Examination]:
        """A root for no packages at all, set up like that of a test; or, without a test, like that of an image."""
        limits = replace(self.limits, seconds=0)  # a reference of its own takes as long as it takes
        with self.opened(base, backend, limits) as chroot:
            examination = self.examination(chroot, Group(()))
            # a reference serves all packages; an image is asked for by the name TARBALL, which scripts look for
            variables = {"PIUPARTS_TEST": test} if test else {"PIUPARTS_OBJECTS": " ".join(self.options.operands)}
            examination.set_variables(**variables)
            set_up(examination)
            yield examination

    def open_upgraded(self, base: PreparedBase, backend: Backend, rooms: ExitStack) -> Chroot:
        """A root of the base, upgraded to the last suite; it stays open as long as `rooms`."""
        with self.timed("base"):
            upgraded = rooms.enter_context(self.roots.upgraded(base))
        self.show_preparation(upgraded)
        return rooms.enter_context(self.opened(upgraded, backend))

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count the block's duration for a step of the run."""
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
