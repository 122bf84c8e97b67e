"""A slave's workplace in a temporary directory, with a fake master and a tester of a few lines of shell."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo.archive import SignedArchive
from demo.debs import DebSpec
from piufarm.archive.cache import IndexCache
from piufarm.config.load import load
from piufarm.config.model import Configuration
from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.slave.events import Event, Phase
from piufarm.slave.interrupts import Interrupts
from piufarm.slave.job.testrun import Patience
from piufarm.slave.link.dialects import Dialect, Dialects
from piufarm.slave.link.masters import Masters
from piufarm.slave.link.route import PLACEHOLDER_COMMAND, Target
from piufarm.slave.loop import Loop, Until
from piufarm.slave.section import Mode, SectionWorker
from piufarm.slave.spool import Reserved, Spool
from piufarm.slave.workplace import Workplace
from tests.slave.worker.fake_master import FakeMaster

SECTION = SectionName("small")
TARGET = Target("farm-master", None, PLACEHOLDER_COMMAND)
PATIENCE = Patience(limit_seconds=30, interrupt_seconds=0.5, terminate_seconds=0.5)

# Does what the name of the package says. Its last line is what a tester's last line has to be.
TESTER = """#!/bin/bash
operand="${@: -1}"
case "$operand" in
    TARBALL) while [[ $1 != -s ]]; do shift; done; echo base > "$2" ;;
    bad=*) echo "0m0.1s ERROR: piuparts run ends."; exit 1 ;;
    trouble*) echo "no space left on device"; exit 3 ;;
    crash=*) echo "Traceback"; exit 1 ;;
    interrupt=*) kill -INT $PPID; sleep 0.2; echo "0m0.1s INFO: piuparts run ends." ;;
    twice=*) kill -INT $PPID; sleep 0.1; kill -INT $PPID; sleep 60 ;;
    term=*) kill -TERM $PPID; sleep 60 ;;
    usr1=*) kill -USR1 $PPID; sleep 0.1; echo "0m0.1s INFO: piuparts run ends." ;;
    hup=*) kill -HUP $PPID; sleep 0.1; echo "0m0.1s INFO: piuparts run ends." ;;
    *) echo "0m0.1s INFO: piuparts run ends." ;;
esac
"""

# A tester that makes half a tarball.
HALF = 'while [ "$1" != -s ]; do shift; done; echo half > "$2"'


@dataclass
class Bench:
    """Everything that a test of the slave touches."""

    directory: Path
    archive: SignedArchive
    master: FakeMaster = field(default_factory=FakeMaster)
    events: list[Event] = field(default_factory=list)
    interrupts: Interrupts = field(default_factory=Interrupts)
    time: float = 0.0
    patience: Patience = PATIENCE
    loads: list[float] = field(default_factory=list)  # what the host's load is each time someone looks
    open_while_testing: list[int] = field(default_factory=list)
    on_event: Callable[[Event], None] = lambda _: None
    pauses: list[float] = field(default_factory=list)  # before a further attempt to connect
    signals: dict[Phase, list[signal.Signals]] = field(default_factory=dict)  # sent when such an event is told

    def __post_init__(self) -> None:
        (self.directory / "etc").mkdir(parents=True)
        self.tester.write_text(TESTER)
        self.tester.chmod(0o755)
        self.dialects.remember(TARGET, Dialect.PLAIN)
        self.start_again()

    @property
    def dialects(self) -> Dialects:
        """What the slaves of this host remember of masters; at first, that this one is plain."""
        return Dialects(self.directory / "slave" / "masters")

    def start_again(self) -> None:
        """A new slave process in the same directory."""
        self.interrupts = Interrupts(lambda text: self.events.append(Event(Phase.NOTE, text=text)))
        self.place = Workplace(
            self.directory / "slave" / "1",
            Masters(
                self.master.connect,
                self.dialects,
                random_source=random.Random(1),
                clock=lambda: self.time,
                pause=self.pauses.append,
            ),
            self.interrupts,
            self._tell,
            IndexCache(self.directory / "indexes"),
            self.patience,
            lambda: self.time,
            lambda: self.loads.pop(0) if self.loads else 0.0,
            random.Random(2),
        )

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)
        if event.phase is Phase.TESTING:
            self.open_while_testing.append(self.master.open)
        if event.phase in self.signals:
            signal.raise_signal(self.signals[event.phase].pop(0))

    @property
    def tester(self) -> Path:
        return self.directory / "tester"

    @property
    def own_tester(self) -> str:
        """A command that counts as our own tester and does the same."""
        program = self.directory / "piufarm"
        program.write_text(TESTER)
        program.chmod(0o755)
        return f"{program} test"

    def publish(self, *names: str, suite: str = "one", version: str = "1") -> None:
        """Put packages into the archive, all of one version."""
        self.archive.publish(suite, [DebSpec(name, version=version) for name in names])

    def configure(self, extra: Mapping[str, str] | None = None, sections: Iterable[str] = (SECTION,)) -> Configuration:
        """Write piuparts.conf and read it."""
        values = {
            "sections": " ".join(sections),
            "master-host": "farm-master",
            "slave-directory": str(self.directory / "slave"),
            "mirror": f"file://{self.archive.www}",
            "archive-keyring": str(self.archive.keyring),
            "piuparts-command": str(self.tester),
            "distro": "one",
            "max-reserved": "5",
            **(extra or {}),
        }
        lines = ["[global]", *(f"{key} = {value}" for key, value in values.items()), *(f"[{s}]" for s in sections)]
        path = self.directory / "etc" / "piuparts.conf"
        path.write_text("\n".join(lines) + "\n")
        return load(path)

    def worker(self, section: SectionName = SECTION) -> SectionWorker:
        return SectionWorker(section, lambda: load(self.directory / "etc" / "piuparts.conf"), self.place)

    def turn(self, mode: Mode = Mode.NORMAL) -> int:
        """One turn of a new worker."""
        return self.worker().turn(mode)

    def loop(self, until: Until, *sections: SectionName) -> int:
        """Run a whole slave, signals and all."""
        workers = [self.worker(section) for section in sections or (SECTION,)]
        with self.interrupts.installed():
            return Loop(workers, self.place, 300).run(until)

    def spool(self, section: SectionName = SECTION) -> Spool:
        return Spool(self.place.directory / section)

    def files(self, section: SectionName = SECTION) -> list[str]:
        """What lies in the spool, without locks and tarballs."""
        directory = self.place.directory / section
        return sorted(str(path.relative_to(directory)) for path in directory.glob("*/*"))

    def told(self, phase: Phase) -> list[str]:
        """The texts or packages of the events of a phase."""
        events = [event for event in self.events if event.phase is phase]
        return [event.text or (event.entry.file_name if event.entry else "") for event in events]

    def outcomes(self) -> dict[str, Outcome | None]:
        """What was tested, with which outcome, in the order of testing."""
        tested = [event for event in self.events if event.phase is Phase.TESTED and event.entry]
        return {event.entry.package: event.outcome for event in tested if event.entry}


def reserved(package: str, version: str = "1") -> Reserved:
    return Reserved(Package(package), Version(version))
