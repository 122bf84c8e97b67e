"""Masters that begin: without a store, or with one that an older release has written. Killed in their first command."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.killing.world import SID, World
from tests.support.clone import CLONE

CREATION: Final = "the first refresh"
UPGRADE: Final = "the first command after an upgrade"
_VERSION_1: Final = CLONE / "tests" / "core" / "store" / "version-1.sql"
_COMMANDS: Final[Mapping[str, Sequence[str]]] = {CREATION: ["refresh"], UPGRADE: ["status"]}
PROGRAMS: Final = tuple(_COMMANDS)


class Newcomer:
    """One such master; whatever happens to its first command, the second one works and nothing is lost."""

    def __init__(self, program: str, model: World, directory: Path) -> None:
        """In a folder of its own, configured like `model`."""
        self.program = program
        self.world = replace(model, directory=directory, state=f"sqlite://{directory}/farm.sqlite")
        self.world.write_configuration()
        self._runs: set[str] = set()
        if program == UPGRADE:
            with closing(sqlite3.connect(directory / "farm.sqlite")) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(_VERSION_1.read_text())
                self._runs = {run_id for (run_id,) in connection.execute("SELECT id FROM run")}

    @property
    def words(self) -> Sequence[str]:
        """The first command."""
        return _COMMANDS[self.program]

    def problems(self) -> Iterator[str]:
        """After the first command has ended, in whatever way; the folder goes if there are none."""
        status, said = self.world.run(*self.words)
        if status != 0:
            yield f"{self.program} cannot be repeated ({status}): {said}"
            return
        with closing(self.world.open()) as store:
            lost = self._runs - {run.run_id for run in store.runs(SID)}
        if lost:
            yield f"{self.program} has lost {', '.join(sorted(lost))}"
            return
        shutil.rmtree(self.world.directory)
