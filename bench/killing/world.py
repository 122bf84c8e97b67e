"""The master of a campaign: its folder, its store, and its programs as real processes with fault points armed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bench.killing.slaves import SECTION
from piufarm.config.load import load
from piufarm.faults import VARIABLE, Fault
from piufarm.master.layout import SectionFiles, section_files
from piufarm.names import SectionName
from piufarm.run import PIPE, Child, clean_environment, spawn
from piufarm.store import open_store
from piufarm.store.model import Store
from tests.support.clone import PIUFARM
from tests.support.scripted_slave import Descriptors

SID: Final = SectionName(SECTION)
# short, so that what killed slaves hold comes back while the campaign runs
RESERVATION_SECONDS: Final = 8
LEASE_SECONDS: Final = 4


@dataclass
class World:
    """One master; `state` is where its store is now."""

    directory: Path
    state: str
    mirror: str

    @property
    def config(self) -> Path:
        return self.directory / "piuparts.conf"

    @property
    def files(self) -> SectionFiles:
        return section_files(self.directory / "master", SID)

    def write_configuration(self) -> None:
        """Once, at the beginning."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(
            f"[global]\nsections = {SECTION}\nmaster-directory = {self.directory}/master\nstate = {self.state}\n"
            f"[{SECTION}]\ndistro = sid\narch = amd64\nmirror = {self.mirror}\narchive-keyring = none\n"
            f"check-valid-until = no\nmax-shrink = 1\nreserve-wait = 1\nmax-retries = 50\n"
            f"reservation-timeout = {RESERVATION_SECONDS}\nlease-timeout = {LEASE_SECONDS}\n"
        )

    def open(self) -> Store:
        """The store, for looking at it."""
        return open_store(load(self.config).farm.state)

    def start(self, words: Sequence[str | Path], *, fault: Fault | None, trace: Path, talk: bool = False) -> Child:
        """A program of the master's; `talk` gives it pipes."""
        with (self.directory / "said").open("ab") as said:
            return spawn(
                [PIUFARM, "master", *words, "--config", self.config],
                env=clean_environment(**{VARIABLE: f"{fault or ''} trace={trace}"}),
                stdin=PIPE if talk else None,
                stdout=PIPE if talk else said,
                stderr=said,
            )

    def kill_evaluators(self) -> int:
        """kill -9 of those that sessions have started and that stay for a while; returns how many there were."""
        killed = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                if b"evaluate" in words and os.fsencode(self.config) in words:
                    os.kill(int(process.name), signal.SIGKILL)
                    killed += 1
            except (FileNotFoundError, ProcessLookupError):
                continue
        return killed

    def run(self, *words: str | Path) -> tuple[int, str]:
        """A command to its end, with nothing in its way: status and output."""
        output = self.directory / "output"
        with output.open("wb") as stream:
            child = spawn([PIUFARM, "master", *words, "--config", self.config], stdout=stream, stderr=stream)
            status = child.wait()
        return status, output.read_text()


@dataclass
class Session:
    """A session of a slave, and the stream to it."""

    child: Child

    def stream(self) -> Descriptors:
        """What a slave reads and writes; closing it is hanging up."""
        return Descriptors(os.dup(_number(self.child.stdout)), os.dup(_number(self.child.stdin)))

    def end(self) -> int:
        """Wait for its end, whoever brings it."""
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()
        return self.child.wait()


def was_killed(status: int) -> bool:
    """Whether a program ended by kill -9."""
    return status == -signal.SIGKILL


def _number(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    return pipe.fileno()
