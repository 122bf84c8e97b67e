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
from piufarm.slave.batch import Batch, Job, Service
from piufarm.slave.contact import Contact
from piufarm.slave.events import Event, Phase, trouble
from piufarm.slave.interrupts import Interrupts
from piufarm.slave.job.command_line import CommandLine
from piufarm.slave.lease import Lease
from piufarm.slave.link.backoff import Backoff
from piufarm.slave.link.connection import SectionBusy
from piufarm.slave.link.masters import NotYet
from piufarm.slave.spool import Spool, SpoolBusy
from piufarm.slave.tarball import NoBase, TarballKeeper
from piufarm.slave.workplace import Workplace

GONE_SECONDS: Final = 3600.0  # the section is not in the configuration any more
DISABLED_SECONDS: Final = 12 * 3600.0  # max-reserved is 0
LOCKED_SECONDS: Final = 900.0
NO_BASE_SECONDS: Final = 300.0
BUSY_SECONDS: Final = (60.0, 179.0)
RECYCLE_EXTRA_SECONDS: Final = 3600.0  # between two looks for packages to test again, besides the idle time
TARBALL_EXTRA_SECONDS: Final = 60.0

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
        self._contact = Contact(name, workplace)
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
                    _return_reserved(job)
                    self._contact.flush(job)
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
        return Job(configuration, section, distros, commands, keeper, spool, Lease(spool.directory / "lease"))

    def _announce_base(self, text: str) -> None:
        self._place.masters.close()  # a base takes minutes
        self._place.tell(Event(Phase.NOTE, self.name, text=text))

    def _work(self, job: Job, mode: Mode) -> None:
        due = self.recycle_wake if mode is Mode.RECYCLE else self.wake
        if mode is Mode.FLUSH or self._place.clock() < due:
            self._contact.flush(job)
        elif job.section.is_tarball_only:
            self._keep_tarball(job)
        elif job.section.max_reserved == 0:
            self._contact.flush(job)
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
            self._contact.flush(job)
            raise
        if self._place.interrupts.stop_requested:
            return
        if job.spool.reserved():  # of a former life, or put off
            self._contact.confirm(job)
        else:
            self._ask_for_packages(job, recycle=recycle)
        if job.spool.reserved():
            self._place.masters.close()
            self._test(job)

    def _ensure_base(self, job: Job) -> None:
        if job.section.tmpdir is not None:
            job.section.tmpdir.mkdir(parents=True, exist_ok=True)
        with self._place.interrupts.deferred():  # so that a tester in the middle of it can clean up
            job.keeper.ensure()

    def _test(self, job: Job) -> None:
        renewer = self._contact.renewer(job)
        service = Service(
            lambda: self._contact.flush(job), lambda: self._contact.take_news(job, renewer), self._contact.let_rest
        )
        batch = Batch(job, self._place, service)
        try:
            with renewer:
                batch.run()
        except (FarmError, OSError) as error:
            self._give_up(job, batch, error)
            raise
        finally:
            self._done = batch.done
        if not self._place.interrupts.abort_requested:
            self._contact.flush(job)

    def _give_up(self, job: Job, batch: Batch, error: FarmError | OSError) -> None:
        """Give everything back as far as it goes: the first error is the one to tell."""
        with suppress(FarmError, OSError):
            batch.give_up(error)
        with suppress(FarmError, OSError):
            _return_reserved(job)
        with suppress(FarmError, OSError):
            self._contact.flush(job)

    def _ask_for_packages(self, job: Job, *, recycle: bool) -> None:
        answer = self._contact.ask_for_packages(job, recycle=recycle)
        now = self._place.clock()
        if not answer.recycling:
            self.recycle_wake = max(now, self.wake) + RECYCLE_EXTRA_SECONDS
        elif recycle:
            self.recycle_wake = now + answer.wait + (0.0 if answer.taken else RECYCLE_EXTRA_SECONDS)
        else:
            self.wake = now + answer.wait


def _return_reserved(job: Job) -> None:
    for entry in job.spool.reserved():
        job.spool.give_back(entry)
    job.lease.end()
