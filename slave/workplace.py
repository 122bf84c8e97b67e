"""What all sections of a slave share."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from piufarm.archive.cache import IndexCache
from piufarm.slave.events import Tell
from piufarm.slave.interrupts import Interrupts
from piufarm.slave.job.testrun import DEFAULT_PATIENCE, Patience
from piufarm.slave.link.masters import Masters


def load_average() -> float:
    """The host's load of the last minute."""
    return os.getloadavg()[0]


@dataclass(frozen=True)
class Workplace:
    """The directory of a slave and the things it works with; the last four are for tests to choose."""

    directory: Path  # <slave-directory>/<number>
    masters: Masters
    interrupts: Interrupts
    tell: Tell
    indexes: IndexCache
    patience: Patience = DEFAULT_PATIENCE
    clock: Callable[[], float] = time.monotonic
    load: Callable[[], float] = load_average
    random_source: random.Random = field(default_factory=random.Random)
