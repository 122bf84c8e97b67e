"""Tests the reserved packages of a section, one after the other; every result is on disk before the next test."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from piufarm.archive.suite import section_packages
from piufarm.config.distros import Distros
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError
from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.slave.events import Event, Phase, trouble
from piufarm.slave.job.command_line import CommandLine
from piufarm.slave.job.logfile import LogWriter
from piufarm.slave.job.metadata import OutdatedReference, reference_file
from piufarm.slave.job.prechecks import Examination, Offer, examine_install, examine_upgrade
from piufarm.slave.job.testrun import run_test
from piufarm.slave.job.verdict import Ended, Ending, Verdict, judge_end
from piufarm.slave.spool import Reserved, Spool
from piufarm.slave.tarball import TarballKeeper
from piufarm.slave.throttle import wait_for_load
from piufarm.slave.workplace import Workplace

TROUBLES_IN_A_ROW: Final = 3  # then it is not the package: stop, give the rest back
_FLUSH_RETRY_SECONDS: Final = 300.0


class TooMuchTrouble(FarmError):
    """Several tests in a row said nothing about their packages."""


@dataclass(frozen=True)
class Job:
    """A section and all that its tests need."""

    configuration: Configuration
    section: Section
    distros: Distros
    commands: CommandLine
    keeper: TarballKeeper
    spool: Spool


@dataclass
class Batch:
    """One pass over what is reserved; `deliver` sends what is finished in between."""

    job: Job
    workplace: Workplace
    deliver: Callable[[], None]
    troubled: Callable[[Reserved], None]
    done: int = 0  # tests that were run, whatever came of them
    _in_a_row: int = 0
    _flushed_at: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Test until everything is done or something else is to be done first.

        Raises FarmError when going on makes no sense now: mirror down, no base, one trouble after another.
        """
        offers = self._offers()
        with self.workplace.interrupts.deferred():
            for entry in self.job.spool.reserved():
                wait_for_load(self.job.section.name, self.job.section.slave_load_max, self.workplace)
                if self._is_to_stop():
                    return
                self._flush_if_due()
                self.job.keeper.check_present()
                self._test(entry, offers)

    def _offers(self) -> list[Offer]:
        """What the section's distros hold now."""
        section, distros = self.job.section, self.job.distros
        names = section.upgrade_test_distros if section.is_upgrade_test else (section.selection_distro or "",)
        indexes = self.workplace.indexes
        return [Offer(name, section_packages(section, distros, name, indexes)) for name in names]

    def _is_to_stop(self) -> bool:
        interrupts = self.workplace.interrupts
        return interrupts.stop_requested or interrupts.flush_requested

    def _flush_if_due(self) -> None:
        """Deliver within the batch if that is wanted; trouble with it can wait."""
        interval = self.job.section.slave_flush_interval
        if not interval or time.monotonic() - self._flushed_at < interval:
            return
        try:
            with self.workplace.interrupts.immediate():
                self.deliver()
            self._flushed_at = time.monotonic()
        except FarmError as error:
            self.workplace.tell(trouble(error, self.job.section.name))
            self._flushed_at = time.monotonic() - interval + _FLUSH_RETRY_SECONDS
        self.workplace.masters.close()

    def _test(self, entry: Reserved, offers: list[Offer]) -> None:
        section, spool, tell = self.job.section.name, self.job.spool, self.workplace.tell
        tell(Event(Phase.TESTING, section, entry))
        started = time.monotonic()
        with spool.new_log(entry) as stream:
            outcome, ending = self._write_log(LogWriter(stream), entry, offers)
        seconds = time.monotonic() - started
        if ending is Ending.ABORTED:
            spool.discard(entry)
            tell(Event(Phase.ABORTED, section, entry, seconds=seconds))
        elif outcome is None:
            self._keep_evidence(entry)
        else:
            spool.finish(entry, outcome)
            self.done += 1
            self._in_a_row = 0
            tell(Event(Phase.TESTED, section, entry, outcome, seconds))

    def _write_log(self, writer: LogWriter, entry: Reserved, offers: list[Offer]) -> tuple[Outcome | None, Ending]:
        examination = self._examine(entry.package, entry.version, offers)
        writer.start(examination.introduction)
        if examination.problem is not None:
            writer.finish(examination.problem)
            return Outcome.UNTESTABLE, Ending.ITSELF
        verdict, ending = self._run(writer, entry)
        writer.finish(verdict.ret, verdict.marker)
        if verdict.outcome is Outcome.FAIL and self._has_left_the_archive(entry):
            return None, ending
        return verdict.outcome, ending

    def _has_left_the_archive(self, entry: Reserved) -> bool:
        """Whether a version that failed was there when the batch began and no longer is: then that may be why."""
        try:
            return self._examine(entry.package, entry.version, self._offers()).problem is not None
        except FarmError:  # nobody knows; the test did end, so its result counts
            return False

    def _examine(self, package: Package, version: Version, offers: list[Offer]) -> Examination:
        if self.job.section.is_upgrade_test:
            return examine_upgrade(package, version, offers)
        return examine_install(package, version, offers[0])

    def _run(self, writer: LogWriter, entry: Reserved) -> tuple[Verdict, Ending]:
        job = self.job
        reference = reference_file(job.section, job.spool.directory)
        outdated = OutdatedReference()
        command = job.commands.test(entry, job.keeper.path, reference)
        writer.executing(command)

        def sink(data: bytes) -> None:
            writer.output(data)
            outdated.feed(data)

        try:
            end = run_test(
                command,
                sink,
                env=job.commands.environment(job.configuration),
                stop=self.workplace.interrupts,
                patience=self.workplace.patience,
            )
        except FarmError as error:
            writer.output(f"\n{error.message}\n".encode())
            writer.end_of_output()
            return Verdict(-1, None, None), Ending.ITSELF
        if reference is not None and outdated.seen:
            reference.unlink(missing_ok=True)
        last_line = writer.end_of_output()
        return judge_end(Ended(end.status, end.ending, last_line), own_tester=job.commands.is_own), end.ending

    def _keep_evidence(self, entry: Reserved) -> None:
        """A test that said nothing about its package: give it back, and after some in a row give up for now."""
        path = self.job.spool.finish_in_trouble(entry)
        self.troubled(entry)
        self.done += 1
        self._in_a_row += 1
        self.workplace.tell(
            Event(Phase.TROUBLE, self.job.section.name, entry, text=f"no result, given back; see {path}")
        )
        if self._in_a_row >= TROUBLES_IN_A_ROW:
            raise TooMuchTrouble(
                f"{self._in_a_row} tests in a row ended in trouble of our own, the rest is given back",
                hint=f"the logs in {path.parent} say what is wrong here",
            )
