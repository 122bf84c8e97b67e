"""A master for measurements: a scratch folder with sid as the host's mirror has it, on either store."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.archive.mirror import default_mirror
from piufarm.config.load import load
from piufarm.master.layout import index_cache
from piufarm.names import SectionName
from piufarm.run import run
from piufarm.store import open_store
from piufarm.store.model import Store
from tests.support.clone import CLONE, PIUFARM

SECTION: Final = SectionName("sid")
STORES: Final = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Office:
    """A master directory, its configuration, and a second one that lets each refresh find an archive that is new."""

    folder: Path
    config: Path
    other_config: Path

    @property
    def errors(self) -> Path:
        """Where sessions complain."""
        return self.folder / "complaints"

    @property
    def master(self) -> Path:
        return self.folder / "master"

    def session(self, slave: str) -> Sequence[str | Path]:
        """The command line of a slave's session, as sshd runs it."""
        return [PIUFARM, "master", "session", "--slave", slave, "--config", self.config]

    def command(self, *words: str, config: Path | None = None) -> Sequence[str | Path]:
        """The command line of another program of the master."""
        return [PIUFARM, "master", *words, "--config", config or self.config]

    def store(self) -> Store:
        """The store, for looking at it; to be closed."""
        return open_store(load(self.config).farm.state)

    def refresh(self, run: Callable[[Sequence[str | Path]], object] = run) -> None:
        """Take the archive over; the indexes are kept in the clone's cache from one measurement to the next."""
        cache, kept = index_cache(self.master), CLONE / ".cache" / "bench-indexes"
        if kept.exists():
            shutil.copytree(kept, cache)
        run(self.command("refresh"))
        shutil.copytree(cache, kept, dirs_exist_ok=True)

    def candidates(self) -> int:
        """How many packages wait to be tested."""
        states = json.loads(run(self.command("status", "--json")).stdout)
        (counts,) = (one["packages"] for one in states["sections"] if one["section"] == SECTION)
        return int(counts["waiting-to-be-tested"])


@contextmanager
def office(store: str) -> Iterator[Office]:
    """A master that has taken sid over; gone at the end."""
    with empty_office(store) as opened:
        opened.refresh()
        yield opened


@contextmanager
def empty_office(store: str, suite: str = SECTION) -> Iterator[Office]:
    """A master that has done nothing yet, its section following this suite; gone at the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was begun is cleared away
    with tempfile.TemporaryDirectory(prefix="bench-") as name, _state(store) as state:
        folder = Path(name)
        mirror = default_mirror()
        configs = []
        # the same archive under another digest: each refresh with the other one of the two has everything to do
        for number, globs in enumerate(("", "packages = *\n")):
            config = folder / f"piuparts{number}.conf"
            config.write_text(
                f"[global]\nsections = {SECTION}\nmaster-directory = {folder}/master\n{state}"
                f"[{SECTION}]\nmirror = {mirror.uri}\ndistro = {suite}\n{globs}"
            )
            configs.append(config)
        yield Office(folder, *configs)


@contextmanager
def _state(store: str) -> Iterator[str]:
    """The line of the configuration that says where the store is."""
    if store == "sqlite":
        yield ""
        return
    from tests.support.postgresql import durable_server

    with durable_server() as server:
        yield f"state = {server.new_database()}\n"
