"""The master of a simulated farm: its folder, its configuration, its archive."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.load.office import Office
from bench.simulator.archives import small_archive
from bench.simulator.world import NOON
from piufarm.archive.mirror import default_mirror
from piufarm.config.load import load
from piufarm.config.model import Configuration
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


def fill_with_sid(configuration: Configuration) -> None:
    """Let the master know all of sid, as the host's mirror has it."""
    Office(configuration.path.parent, configuration.path, configuration.path).refresh()
