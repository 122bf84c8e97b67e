"""One section of a slave: when it may work again, what it says to the master, and its batches of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

from piufarm.config.distros import Distros, load_distros
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError, PiufarmError
from piufarm.names import SectionName
from piufarm.slave.batch import Batch, Job
from piufarm.slave.events import Event, Phase, trouble
from piufarm.slave.interrupts import Interrupts
from piufarm.slave.job.command_line import CommandLine
from piufarm.slave.link.backoff import Backoff
from piufarm.slave.link.connection import MasterSession, NotYet, SectionBusy
from piufarm.slave.link.route import target_of
from piufarm.slave.spool import Finished, Reserved, Spool, SpoolBusy
from piufarm.slave.tarball import NoBase, TarballKeeper
from piufarm.slave.workplace import Workplace

GONE_SECONDS: Final = 3600.0  # the section is not in the configuration any more
DISABLED_SECONDS: Final = 12 * 3600.0  # max-reserved is 0
LOCKED_SECONDS: Final = 900.0
NO_BASE_SECONDS: Final = 300.0
BUSY_SECONDS: Final = (60.0, 179.0)
RECYCLE_EXTRA_SECONDS: Final = 3600.0  # between two looks for packages to test again, besides the idle time
TARBALL_EXTRA_SECONDS: Final = 60.0
RESTING_SECONDS: Final = 300.0  # before a package whose test ended in trouble is tried here again
RESTING_MAX: Final = 20  # such packages that one contact takes and gives back

Settings = Callable[[], Configuration]


class Mode(Enum):
    """What a section is to do in its turn."""

    NORMAL = "normal"
    RECYCLE = "recycle"
    FLUSH = "flush"


@dataclass(frozen=True)
class _AtOnce:
    """Interrupts as something sees them that stops at the first one."""

    interrupts: Interrupts

    @property
    def abort_requested(self) -> bool:
        return self.interrupts.stop_requested

    def readable(self) -> list[int]:
        return self.interrupts.readable()

    def clear(self) -> None:
        self.interrupts.clear()


class SectionWorker:
    """Works for one section, a turn at a time; `wake` and `recycle_wake` are moments of the workplace's clock."""

    def __init__(self, name: SectionName, settings: Settings, workplace: Workplace) -> None:
        self.name = name
        self.precedence = 1
        self.wake = 0.0
        self.recycle_wake = 0.0
        self.had_trouble = False
        self._settings = settings
        self._place = workplace
        self._backoff = Backoff(workplace.random_source)
        self._resting: dict[Reserved, float] = {}
        self._refused: set[Finished] = set()
        self._done = 0

    def turn(self, mode: Mode) -> int:
        """Do what is due; returns how many tests were run. Trouble is told and makes the section wait."""
        self._done = 0
        try:
            with self._opened() as job:
                if job is not None:
                    self._work(job, mode)
            self._backoff.succeeded()
        except NotYet as error:
            self._sleep(error.seconds)
        except SectionBusy as error:
            self._place.tell(Event(Phase.NOTE, self.name, text=error.message))
            self._sleep(self._place.random_source.uniform(*BUSY_SECONDS))
        except (PiufarmError, OSError) as error:
            self._in_trouble(error)
        return self._done

    def give_everything_back(self) -> None:
        """Deliver all logs and unreserve the rest: nobody will test here for a while."""
        try:
            with self._opened() as job:
                if job is not None:
                    self._return_reserved(job)
                    self._flush(job)
        except NotYet:
            self._place.tell(Event(Phase.NOTE, self.name, text="the master is out of reach; all is kept until then"))
        except (PiufarmError, OSError) as error:
            self._in_trouble(error)

    def _in_trouble(self, error: PiufarmError | OSError) -> None:
        self.had_trouble = True
        self._place.masters.close()
        self._place.tell(trouble(error, self.name))
        match error:
            case SpoolBusy():
                self._sleep(LOCKED_SECONDS)
            case NoBase():
                self._sleep(NO_BASE_SECONDS)
            case _:
                self._sleep(self._backoff.failed())

    def _sleep(self, seconds: float, *, recycle_seconds: float | None = None) -> None:
        now = self._place.clock()
        self.wake = now + seconds
        self.recycle_wake = now + (seconds if recycle_seconds is None else recycle_seconds)

    @contextmanager
    def _opened(self) -> Iterator[Job | None]:
        """The section as it is configured now, its spool locked and put right; None if it is configured no more."""
        configuration = self._settings()
        section = configuration.sections.get(self.name)
        if section is None:
            self._place.tell(Event(Phase.NOTE, self.name, text="the section is not in the configuration any more"))
            self._sleep(GONE_SECONDS)
            yield None
            return
        self.precedence = section.precedence
        spool = Spool(self._place.directory / self.name)
        with spool.locked():
            spool.recover()
            yield self._job(configuration, section, load_distros(config=configuration.path), spool)

    def _job(self, configuration: Configuration, section: Section, distros: Distros, spool: Spool) -> Job:
        commands = CommandLine(section, distros, configuration.farm.proxy)
        keeper = TarballKeeper(
            section,
            commands,
            configuration,
            _AtOnce(self._place.interrupts),
            self._announce_base,
            self._place.patience,
        )
        return Job(configuration, section, distros, commands, keeper, spool)

    def _announce_base(self, text: str) -> None:
        self._place.masters.close()  # a base takes minutes
        self._place.tell(Event(Phase.NOTE, self.name, text=text))

    def _work(self, job: Job, mode: Mode) -> None:
        due = self.recycle_wake if mode is Mode.RECYCLE else self.wake
        if mode is Mode.FLUSH or self._place.clock() < due:
            self._flush(job)
        elif job.section.is_tarball_only:
            self._keep_tarball(job)
        elif job.section.max_reserved == 0:
            self._flush(job)
            self._sleep(DISABLED_SECONDS)
        elif job.section.selection_distro is None:
            self._place.tell(Event(Phase.NOTE, self.name, text="no distro is configured, nothing to test"))
            self._sleep(GONE_SECONDS)
        else:
            self._work_for_master(job, recycle=mode is Mode.RECYCLE)

    def _keep_tarball(self, job: Job) -> None:
        self._ensure_base(job)
        seconds = job.keeper.next_check_seconds() + TARBALL_EXTRA_SECONDS
        self._sleep(seconds, recycle_seconds=seconds + RECYCLE_EXTRA_SECONDS)

    def _work_for_master(self, job: Job, *, recycle: bool) -> None:
        try:
            self._ensure_base(job)
        except NoBase:
            if self._place.interrupts.stop_requested:
                return  # that is why there is none
            self._flush(job)
            raise
        if self._place.interrupts.stop_requested:
            return
        if job.spool.reserved():  # of a former life, or put off
            self._flush(job)
        else:
            self._reserve(job, recycle=recycle)
        if job.spool.reserved():
            self._place.masters.close()
            self._test(job)

    def _ensure_base(self, job: Job) -> None:
        if job.section.tmpdir is not None:
            job.section.tmpdir.mkdir(parents=True, exist_ok=True)
        with self._place.interrupts.deferred():  # so that a tester in the middle of it can clean up
            job.keeper.ensure()

    def _test(self, job: Job) -> None:
        batch = Batch(job, self._place, lambda: self._flush(job), self._let_rest)
        try:
            batch.run()
        except FarmError:
            self._return_reserved(job)
            with suppress(FarmError):  # the first error is the one to tell
                self._flush(job)
            raise
        finally:
            self._done = batch.done
        if not self._place.interrupts.abort_requested:
            self._flush(job)

    def _let_rest(self, entry: Reserved) -> None:
        self._resting[entry] = self._place.clock() + RESTING_SECONDS

    # -- with the master

    def _session(self, job: Job) -> MasterSession:
        session = self._place.masters.session(target_of(job.section))
        session.select(self.name)
        return session

    def _flush(self, job: Job) -> None:
        if job.spool.finished() or job.spool.to_give_back():
            self._hand_over(job, self._session(job))

    def _hand_over(self, job: Job, session: MasterSession) -> None:
        """Deliver all finished logs, then give back; what was refused before comes last."""
        for log in sorted(job.spool.finished(), key=lambda log: log in self._refused):
            self._refused.add(log)
            session.deliver(log)
            job.spool.sent(log)
            self._refused.discard(log)
            self._place.tell(Event(Phase.SENT, self.name, Reserved(log.package, log.version), log.outcome))
        for entry in job.spool.to_give_back():
            session.unreserve(entry)
            job.spool.given_back(entry)
            self._place.tell(Event(Phase.GIVEN_BACK, self.name, entry))

    def _return_reserved(self, job: Job) -> None:
        for entry in job.spool.reserved():
            job.spool.give_back(entry)

    def _reserve(self, job: Job, *, recycle: bool) -> None:
        """One contact: deliver, then take on up to max-reserved packages."""
        session = self._session(job)
        idle_sleep = float(job.section.idle_sleep)
        recycling = session.recycle() if recycle else True
        self._hand_over(job, session)
        if not recycling:
            self.recycle_wake = max(self._place.clock(), self.wake) + RECYCLE_EXTRA_SECONDS
            return
        wait = min(float(session.idle()), idle_sleep)
        taken = 0
        if wait == 0:
            taken = self._take(job, session)
            self._hand_over(job, session)
            text = f"reserved {taken}, the master has: {session.status() or 'nothing'}"
            self._place.tell(Event(Phase.NOTE, self.name, text=text))
            wait = 0.0 if taken else idle_sleep
        if recycle:
            self.recycle_wake = self._place.clock() + wait + (0.0 if taken else RECYCLE_EXTRA_SECONDS)
        else:
            self.wake = self._place.clock() + wait

    def _take(self, job: Job, session: MasterSession) -> int:
        """Reserve until the master has nothing more or the slave enough; returns how many."""
        taken = 0
        for _ in range(job.section.max_reserved + RESTING_MAX):
            if taken >= job.section.max_reserved or self._place.interrupts.stop_requested:
                break
            entry = session.reserve()
            if entry is None:
                break
            job.spool.reserve(entry)
            if self._resting.get(entry, 0.0) > self._place.clock():
                job.spool.give_back(entry)
                continue
            self._resting.pop(entry, None)
            taken += 1
            self._place.tell(Event(Phase.RESERVED, self.name, entry))
        return taken
