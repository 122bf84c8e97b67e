"""`slave-load-max`: tests wait while the host is busy."""

from __future__ import annotations

from typing import Final

from piufarm.names import SectionName
from piufarm.slave.events import Event, Phase
from piufarm.slave.workplace import Workplace

_OFF_BELOW: Final = 1.0
_LOWEST_TARGET: Final = 0.9
_FIRST_NAP_SECONDS: Final = (30.0, 89.0)
_LONGEST_NAP_SECONDS: Final = 300.0


def wait_for_load(section: SectionName, limit: float | None, workplace: Workplace) -> None:
    """Returns when the load is well below the limit, or when a signal asks for something else."""
    if limit is None or limit < _OFF_BELOW or workplace.load() <= limit:
        return
    workplace.masters.close()
    target = max(limit - 1.0, _LOWEST_TARGET)
    step = workplace.random_source.uniform(*_FIRST_NAP_SECONDS)
    nap = step
    while (load := workplace.load()) > target:
        interrupts = workplace.interrupts
        if interrupts.stop_requested or interrupts.flush_requested:
            return
        text = f"load {load:.1f} is above {limit:g}, waiting {nap:.0f} s"
        workplace.tell(Event(Phase.NOTE, section, text=text))
        interrupts.wait(nap)
        nap = min(nap + step, _LONGEST_NAP_SECONDS)
