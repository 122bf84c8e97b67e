"""How long to wait after trouble: longer each time, never at the same moment as all other slaves."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

FIRST_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 900.0
_FACTOR: Final = 2.0
_JITTER: Final = 0.25  # of the delay, up or down


@dataclass
class Backoff:
    """Counts failures in a row; `random_source` is for tests."""

    random_source: random.Random
    failures: int = 0

    def failed(self) -> float:
        """Another failure: the seconds to wait now."""
        delay = min(FIRST_SECONDS * _FACTOR ** min(self.failures, 16), LONGEST_SECONDS)
        self.failures += 1
        return delay * self.random_source.uniform(1 - _JITTER, 1 + _JITTER)

    def succeeded(self) -> None:
        """All is well again."""
        self.failures = 0
