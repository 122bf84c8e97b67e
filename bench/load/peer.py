"""The real piuparts-master beside ours, in a scratch folder of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.load.crowd import Crowd, expect, log_of
from bench.load.errands import LOG_BYTES
from bench.load.meter import Taken, until_answered
from bench.load.office import SECTION
from piufarm.archive.mirror import default_mirror
from tests.support.namespace import with_private_files
from tests.support.programs import REAL_ETC, REAL_MASTER, real_version


@dataclass
class AloneAtWork:
    """How long the replies to a single slave took, and what a second one was told meanwhile."""

    reserves: list[float] = field(default_factory=list)
    results: list[float] = field(default_factory=list)
    second: str = ""


class Peer:
    """A master directory of piuparts-master; it fetches the archive in each session."""

    def __init__(self, folder: Path, suite: str = SECTION) -> None:
        self.name = f"piuparts {real_version()}"
        self.master = folder / "peer"
        self._etc = folder / "etc"
        self._etc.mkdir()
        self.master.mkdir()
        shutil.copy(REAL_ETC / "distros.conf", self._etc)
        (self._etc / "piuparts.conf").write_text(
            f"[global]\nsections = {SECTION}\nmaster-directory = {self.master}\n"
            f"[{SECTION}]\nmirror = {default_mirror().uri}\ndistro = {suite}\n"
        )

    def first_reserve(self) -> Taken:
        """What it takes from the start of a session to the answer."""
        return first_reserve(self._session())

    def _session(self) -> Sequence[str | Path]:
        return with_private_files({REAL_ETC: self._etc}, [REAL_MASTER])

    def one_slave(self, errors: Path, packages: int) -> AloneAtWork:
        """Let a slave reserve and report packages as fast as it is answered; the first one does not count."""
        found = AloneAtWork()
        with Crowd(lambda _: self._session(), errors) as crowd:
            crowd.connect_all(["one"], SECTION)
            (client,) = crowd.clients
            for _ in range(packages + 1):
                began = time.monotonic()
                client.ask("reserve", client.held.append)
                crowd.run_until_quiet()
                found.reserves.append(time.monotonic() - began)
                word, _, job = client.held.pop().partition(" ")
                expect(word, "ok")
                began = time.monotonic()
                client.say(f"pass {job}\n".encode() + log_of(job, LOG_BYTES), lambda reply: expect(reply, "ok"))
                crowd.run_until_quiet()
                found.results.append(time.monotonic() - began)
            found.second = until_answered(self._session(), [f"section {SECTION}"])[1][-1]
        del found.reserves[0], found.results[0]
        return found


def first_reserve(session: Sequence[str | Path]) -> Taken:
    """Start a session, select the section and reserve a package, which is given back."""
    taken, answers = until_answered(session, [f"section {SECTION}", "reserve"])
    if answers[:2] != ["hello", "ok"] or not answers[2].startswith("ok "):
        raise SystemExit(f"no package to reserve: {answers}")
    return taken
