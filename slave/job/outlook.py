"""What a batch is going to need: its best order, its layers of dependencies, and .debs that are fetched in time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import randbelow
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.bases.prepare import default_cache
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.network.prefetch import Prefetch
from piufarm.slave.spool import Reserved

_FEWEST: Final = 2  # packages that can share anything


@dataclass
class Outlook:
    """The view over a batch. Without a plan everything goes as it comes."""

    path: Path  # of the plan
    recheck_every: int  # tests on layers; 0: none
    draw: Callable[[int], int] = randbelow  # where counting begins: most batches have fewer tests than that
    _forecast: Forecast | None = None
    _order: list[str] = field(default_factory=list)
    _prefetch: Prefetch | None = None
    _on_layers: int = field(init=False)

    def __post_init__(self) -> None:
        """Let chance decide which tests are to be rechecked."""
        self._on_layers = self.draw(self.recheck_every) if self.recheck_every else 0

    def look(self, entries: Sequence[Reserved], make_plan: Callable[[], bool]) -> list[Reserved]:
        """The entries in the order in which they are to be tested; `make_plan` says whether it has written a plan."""
        self.path.unlink(missing_ok=True)
        if len(entries) < _FEWEST or not make_plan():
            return list(entries)
        with suppress(FarmError):  # then without
            self._forecast = Forecast.read(self.path)
            self._order = list(self._forecast.planned)
            self._prefetch = Prefetch(default_cache() / "debs", self._forecast.proxy)
            self._prefetch.start([self._forecast.debs.get(package, ()) for package in self._order])
        places = {package: place for place, package in enumerate(self._order)}
        return sorted(entries, key=lambda entry: places.get(_operand(entry), len(places)))

    def words(self, entry: Reserved) -> list[str]:
        """What our tester is to be told about this test, which is now to begin."""
        package = _operand(entry)
        if self._forecast is None or package not in self._forecast.planned:
            return []
        if self._prefetch is not None:
            self._prefetch.reached(self._order.index(package))
        words = ["--layers", str(self.path)]
        if self._forecast.planned[package].layers:
            self._on_layers += 1
            if self.recheck_every and self._on_layers % self.recheck_every == 0:
                words.append("--recheck-layers")
        return words

    def close(self) -> None:
        """Nothing more is tested."""
        if self._prefetch is not None:
            self._prefetch.end()


def _operand(entry: Reserved) -> str:
    return f"{entry.package}={entry.version}"


def layer_differences(result: Path) -> list[str]:
    """How a test on layers differed from one without, if our tester has compared them."""
    try:
        uses = json.loads(result.read_text())["layers"]
        return [str(text) for use in uses for text in use["differences"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []
