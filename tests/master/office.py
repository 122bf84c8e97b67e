"""A master in a temporary folder, and short ways to talk to it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from piufarm.config.load import load
from piufarm.config.model import Section
from piufarm.master.evaluator import evaluate_alone
from piufarm.master.layout import SectionFiles, section_files
from piufarm.master.session.channel import Channel, Patience
from piufarm.master.session.machine import Machine, utc_now
from piufarm.master.session.session import Session, Visitor, offered_to
from piufarm.master.upkeep.fsck import Check, Difference
from piufarm.names import Package, SectionName, Version
from piufarm.protocol import MasterConnection
from piufarm.run import Completed, clean_environment, run
from piufarm.store import open_store
from piufarm.store.model import Dependency, IndexPackage, Placement, Relation, Store
from tests.core.store.builders import NOON
from tests.support.clone import PIUFARM
from tests.support.wait import wait_until

SID = SectionName("sid")


@dataclass(frozen=True)
class Office:
    """A master directory with its configuration and store."""

    directory: Path
    store: Store

    @property
    def config(self) -> Path:
        return self.directory / "piuparts.conf"

    @property
    def master_directory(self) -> Path:
        return self.directory / "master"

    @property
    def files(self) -> SectionFiles:
        return section_files(self.master_directory, SID)

    @property
    def section(self) -> Section:
        return load(self.config).sections[SID]

    def fill(self, *packages: str, version: str = "1") -> None:
        """Let the archive hold `name` or `name -> dependency | alternative, …`, all of a version, states computed."""
        archive = [_package(package, Version(version)) for package in packages]
        self.store.replace_packages(SID, archive, index_digest="", now=NOON)
        self.settle()

    def settle(self) -> None:
        """Let the states take account of all that has come in; also when a session's evaluator is at work on them."""

        def is_settled() -> bool:
            evaluate_alone(self.store, SID)
            return not self.store.evaluation_due(SID)

        wait_until(is_settled, "the states to be up to date")

    def converse(
        self,
        text: str | bytes,
        *,
        slave: str | None = "worker1",
        sections: tuple[str, ...] = (),
        later: timedelta = timedelta(0),
        overloaded: bool = False,
    ) -> list[str]:
        """What the master answers, as lines; in this process, the whole input at once. Raises what ends a session.

        To the master it is `later` than it really is, and its machine is `overloaded` or not.
        """
        source, sink = self.directory / "in", self.directory / "out"
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            with source.open("rb") as reader, sink.open("wb") as writer:
                channel = Channel(
                    reader.fileno(),
                    writer.fileno(),
                    patience=Patience(),
                    clock=time.monotonic,
                    connection=MasterConnection(),
                )
                warnings: list[str] = []
                visitor = Visitor(slave, sections)
                Session(
                    load(self.config),
                    visitor,
                    channel,
                    warn=warnings.append,
                    machine=Machine(clock=lambda: utc_now() + later, is_overloaded=lambda: overloaded),
                    offered=offered_to(visitor),
                ).run()
        finally:
            lines = sink.read_text().splitlines()
        assert warnings == []
        return lines

    def session(self, text: str | bytes, *words: str) -> Completed:
        """A session as sshd runs it, in a process of its own."""
        return run(
            [PIUFARM, "master", "session", *words, "--config", self.config],
            input=text if isinstance(text, bytes) else text.encode(),
            env=clean_environment(PATH=os.environ["PATH"]),
            check=False,
        )

    def command(self, *words: str) -> Completed:
        """Another command of the master's."""
        return run([PIUFARM, "master", *words, "--config", self.config], check=False)

    def classic_logs(self) -> list[Path]:
        """Every log in the classic folders."""
        return [log for place in Placement for log in sorted(self.files.root.glob(f"{place}/*.log"))]

    def differences(self, *, deep: bool = True) -> list[Difference]:
        """What fsck finds."""
        return list(Check(self.store, SID, self.files, deep).differences())


def open_office(directory: Path, settings: str = "", *, state: str = "") -> Office:
    """A new office; `settings` go into the section sid, `state` is the URL of its store unless that is the default."""
    config = directory / "piuparts.conf"
    config.write_text(
        f"[global]\nsections = sid\nmaster-directory = {directory}/master\n"
        f"{f'state = {state}' if state else ''}\n[sid]\ndistro = sid\n{settings}\n"
        "[other]\ndistro = sid\n"
    )
    return Office(directory, open_store(load(config).farm.state))




def _package(line: str, version: Version) -> IndexPackage:
    name, _, depends = line.partition("->")
    clauses = [clause.split("|") for clause in depends.split(",") if clause.strip()]
    return IndexPackage(
        name=Package(name.strip()),
        version=version,
        test_version=version,
        source=Package(name.strip()),
        source_version=version,
        depends=tuple(Dependency(tuple(Relation(Package(word.strip())) for word in clause)) for clause in clauses),
    )
