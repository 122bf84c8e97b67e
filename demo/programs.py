"""Running the farm's own commands, from the clone, in the demo's surroundings."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from demo.folder import Folder
from piufarm.errors import PiufarmError
from piufarm.run import STDOUT, Child, ChildTimeout, clean_environment, run, spawn

PIUFARM: Final = Path(__file__).resolve().parent.parent / "bin" / "piufarm"
_PYTHON: Final = "/usr/bin/python3"
_STOP_SECONDS: Final = 60


class StepFailed(PiufarmError):
    """A command of the farm did not do its part; its own words are in the message."""


@dataclass(frozen=True)
class Programs:
    """The farm's commands, all with this folder's configuration."""

    folder: Folder

    def piufarm(self, *words: str | Path) -> str:
        """Run a command and return what it prints. Raises StepFailed."""
        done = run([_PYTHON, PIUFARM, *words], env=clean_environment(**self.folder.environment()), check=False)
        if done.status != 0:
            said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
            raise StepFailed(f"piufarm {' '.join(map(str, words[:2]))} failed:\n{said}")
        return done.stdout.decode("utf-8", "replace")

    def status(self) -> list[dict[str, Any]]:
        """`piufarm master status --json`: one object a section."""
        answer: list[dict[str, Any]] = json.loads(self.piufarm("master", "status", "--json"))
        return answer

    @contextmanager
    def slave(self, *words: str | Path) -> Iterator[Child]:
        """A running slave; at the end of the block it is stopped, its test and chroot with it."""
        with self.folder.slave_log.open("ab") as log:
            child = spawn(
                [_PYTHON, PIUFARM, "slave", "run", *words],
                env=clean_environment(**self.folder.environment()),
                stdout=log,
                stderr=STDOUT,
            )
        try:
            yield child
        finally:
            stop(child)


def stop(child: Child) -> None:
    """Interrupt the slave twice, which aborts its test cleanly; only one that does not heed that is killed."""
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        if child.poll() is not None:
            return
        child.send_signal(number)
        try:
            child.wait(1 if number is signal.SIGINT else _STOP_SECONDS)
        except ChildTimeout:
            continue
    if child.poll() is None:
        child.kill()
        child.wait()
