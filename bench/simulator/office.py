"""The master of a simulated farm: its folder, its configuration, its archive."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from contextlib import closing, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.load.office import Office
from bench.simulator.archives import small_archive
from bench.simulator.world import NOON
from piufarm.__main__ import main
from piufarm.archive.mirror import default_mirror
from piufarm.config.load import load
from piufarm.config.model import Configuration
from piufarm.errors import FarmError
from piufarm.master.evaluator import bring_up_to_date
from piufarm.names import SectionName
from piufarm.store import open_store

SECTION: Final = SectionName("sid")
_RHYTHM: Final = "reservation-timeout = 1800\nlease-timeout = 600\nslave-flush-interval = 300\nreserve-wait = 5\n"


def configure(folder: Path, state: str = "") -> Configuration:
    """A master directory of its own; `state` is the URL of its store, if not the usual one."""
    config = folder / "piuparts.conf"
    where = f"state = {state}\n" if state else ""
    rhythm = f"{_RHYTHM}mirror = {default_mirror().uri}\n"
    config.write_text(
        f"[global]\nsections = {SECTION}\nmaster-directory = {folder}/master\n{where}"
        f"[{SECTION}]\ndistro = sid\n{rhythm}"
    )
    return load(config)


def fill(configuration: Configuration, seed: int, packages: int) -> None:
    """Let the master know a small archive."""
    random.seed(seed)  # the store draws lots between packages that are equal
    with closing(open_store(configuration.farm.state)) as store:
        store.replace_packages(SECTION, small_archive(random.Random(seed), packages), index_digest="", now=NOON)
        bring_up_to_date(store, SECTION)


def fill_with_sid(configuration: Configuration, seed: int) -> datetime:
    """Let the master know all of sid, as the host's mirror has it; returns since when it does."""
    random.seed(seed)
    # in this process, for the sake of the lots that are drawn
    Office(configuration.path.parent, configuration.path, configuration.path).refresh(_run_here)
    with closing(open_store(configuration.farm.state)) as store:
        row = store.section(SECTION)
    assert row is not None and row.refreshed_at is not None
    return row.refreshed_at


def _run_here(command: Sequence[str | Path]) -> None:
    with redirect_stdout(sys.stderr):  # the outcome of the simulation is what is printed
        status = main([str(word) for word in command[1:]])
    if status:
        raise FarmError(f"the refresh ended with status {status}")
