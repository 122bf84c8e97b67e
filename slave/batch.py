"""Tests the reserved packages of a section, one after the other; every result is on disk before the next test."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from piufarm.config.distros import Distros
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError, trouble_kind
from piufarm.outcome import Outcome
from piufarm.slave.events import Event, Phase, trouble
from piufarm.slave.job.command_line import CommandLine
from piufarm.slave.job.logfile import LogWriter
from piufarm.slave.job.metadata import OutdatedReference, reference_file
from piufarm.slave.job.outlook import Outlook, layer_differences
from piufarm.slave.job.stock import Stock
from piufarm.slave.job.testrun import run_test
from piufarm.slave.job.verdict import Ended, Ending, Verdict, judge_end, told_kind
from piufarm.slave.lease import Lease
from piufarm.slave.spool import Reserved, Spool
from piufarm.slave.tarball import TarballKeeper
from piufarm.slave.throttle import wait_for_load
from piufarm.slave.workplace import Workplace
from piufarm.trouble import TroubleKind

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
    lease: Lease


@dataclass(frozen=True)
class Service:
    """What others do for a batch."""

    deliver: Callable[[], None]  # sends what is finished
    take_news: Callable[[], None]  # drops from the reserved what the master has given to others
    troubled: Callable[[Reserved], None]  # hears of a package whose test said nothing about it


@dataclass(frozen=True)
class _Judgement:
    """What came of a test: an outcome, or None and the kind of trouble."""

    outcome: Outcome | None
    ending: Ending = Ending.ITSELF
    kind: TroubleKind = TroubleKind.OTHER


@dataclass
class Batch:
    """One pass over what is reserved."""

    job: Job
    workplace: Workplace
    service: Service
    done: int = 0  # tests that were run, whatever came of them
    _outlook: Outlook = field(init=False)
    _in_a_row: int = 0
    _flushed_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._outlook = Outlook(self.job.spool.directory / "plan.json", self.job.section.layers_recheck)

    def run(self) -> None:
        """Test until everything is done or something else is to be done first.

        Raises FarmError when going on makes no sense now: mirror down, no base, one trouble after another.
        """
        stock = Stock(self.job.section, self.job.distros, self.workplace.indexes)
        with self.workplace.interrupts.deferred(), closing(self._outlook):
            for entry in self._outlook.look(self.job.spool.reserved(), self._plan):
                wait_for_load(self.job.section.name, self.job.section.slave_load_max, self.workplace)
                if self._is_to_stop():
                    return
                self._flush_if_due()
                self.service.take_news()
                if self.job.spool.is_reserved(entry):
                    self.job.keeper.check_present()
                    self._test(entry, stock)

    def _plan(self) -> bool:
        """Let our tester plan the batch; whatever goes wrong with that, the tests go on without a plan."""
        job = self.job
        if not job.commands.uses_layers:
            return False
        entries = job.spool.reserved()
        try:
            end = run_test(
                job.commands.plan(entries, job.keeper.path, self._outlook.path),
                lambda _: None,
                env=job.commands.environment(job.configuration),
                stop=self.workplace.interrupts,
                patience=self.workplace.patience,
            )
        except FarmError:
            return False
        return end.status == 0 and end.ending is Ending.ITSELF

    def give_up(self, error: FarmError | OSError) -> None:
        """The batch has ended by this error. What was to be tested next goes back with a note of it."""
        spool = self.job.spool
        if isinstance(error, TooMuchTrouble) or not spool.reserved():
            return
        entry = spool.reserved()[0]
        try:
            with spool.new_log(entry) as stream:
                writer = LogWriter(stream)
                hint = error.hint if isinstance(error, FarmError) else None
                writer.start(f"\nNot tested: {error}\n{hint or ''}\n")
                writer.finish(-1)
            spool.finish_in_trouble(entry, trouble_kind(error))
        except OSError:  # no room for words
            spool.give_back(entry, trouble_kind(error))

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
                self.service.deliver()
            self._flushed_at = time.monotonic()
        except FarmError as error:
            self.workplace.tell(trouble(error, self.job.section.name))
            self._flushed_at = time.monotonic() - interval + _FLUSH_RETRY_SECONDS
        self.workplace.masters.close()

    def _test(self, entry: Reserved, stock: Stock) -> None:
        section, spool, tell = self.job.section.name, self.job.spool, self.workplace.tell
        tell(Event(Phase.TESTING, section, entry))
        started = time.monotonic()
        with spool.new_log(entry) as stream:
            judgement = self._write_log(LogWriter(stream), entry, stock)
        seconds = time.monotonic() - started
        if judgement.ending is Ending.ABORTED:
            spool.discard(entry)
            tell(Event(Phase.ABORTED, section, entry, seconds=seconds))
        elif judgement.outcome is None:
            self._keep_evidence(entry, judgement.kind)
        else:
            spool.finish(entry, judgement.outcome)
            self.done += 1
            self._in_a_row = 0
            tell(Event(Phase.TESTED, section, entry, judgement.outcome, seconds))

    def _write_log(self, writer: LogWriter, entry: Reserved, stock: Stock) -> _Judgement:
        examination = stock.examine(entry.package, entry.version)
        writer.start(examination.introduction)
        if examination.problem is not None:
            writer.finish(examination.problem)
            return _Judgement(Outcome.UNTESTABLE)
        verdict, judgement = self._run(writer, entry)
        writer.finish(verdict.ret, verdict.marker)
        if verdict.outcome is Outcome.FAIL and _has_left(entry, stock):
            return _Judgement(None, judgement.ending, TroubleKind.MIRROR)
        return judgement

    def _run(self, writer: LogWriter, entry: Reserved) -> tuple[Verdict, _Judgement]:
        job = self.job
        reference = reference_file(job.section, job.spool.directory)
        outdated = OutdatedReference()
        result = job.spool.directory / "result.json"
        result.unlink(missing_ok=True)
        extra = self._outlook.words(entry)
        command = job.commands.test(entry, job.keeper.path, metadata=reference, result=result, extra=extra)
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
            return Verdict(-1, None, None), _Judgement(None, kind=trouble_kind(error))
        if reference is not None and outdated.seen:
            reference.unlink(missing_ok=True)
        if differences := layer_differences(result):
            text = f"{entry.package} is different on layers, which are dropped: {'; '.join(differences)}"
            self.workplace.tell(Event(Phase.NOTE, job.section.name, text=text))
        last_line = writer.end_of_output()
        verdict = judge_end(Ended(end.status, end.ending, last_line), own_tester=job.commands.is_own)
        return verdict, _Judgement(verdict.outcome, end.ending, told_kind(result, end.status))

    def _keep_evidence(self, entry: Reserved, kind: TroubleKind) -> None:
        """A test that said nothing about its package: give it back, and after some in a row give up for now."""
        path = self.job.spool.finish_in_trouble(entry, kind)
        self.service.troubled(entry)
        self.done += 1
        self._in_a_row += 1
        text = f"no result ({kind}), given back; see {path}"
        self.workplace.tell(Event(Phase.TROUBLE, self.job.section.name, entry, text=text, kind=kind))
        if self._in_a_row >= TROUBLES_IN_A_ROW:
            raise TooMuchTrouble(
                f"{self._in_a_row} tests in a row ended in trouble of our own, the rest is given back",
                hint=f"the logs in {path.parent} say what is wrong here",
            )


def _has_left(entry: Reserved, stock: Stock) -> bool:
    """Whether a version that failed was there when the batch began and no longer is: then that may be why."""
    try:
        stock.look_again()
        return stock.examine(entry.package, entry.version).problem is not None
    except FarmError:  # nobody knows; the test did end, so its result counts
        return False
