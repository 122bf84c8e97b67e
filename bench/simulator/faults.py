"""What goes wrong in the simulated farm, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Faults:
    """Probabilities; times are in seconds."""

    death: float = 0.002  # a test: the slave dies and comes back with nothing on its disk
    absence: float = 0.001  # a test: the slave is away for longer than it may keep its packages, then goes on
    interrupt: float = 0.001  # a test: the slave is stopped by a person and gives back what it has not tested
    accident: float = 0.01  # a log: the connection breaks around it
    session_kill: float = 0.0005  # a message, either way
    trouble: float = 0.01  # a test on a slave that can say so: nothing is learnt about the package
    broken_slave: float = 0.05  # a slave that can say so: none of its tests works
    late_evaluator: float = 0.1  # an evaluation: begins up to so many seconds late
    late_evaluator_seconds: float = 60.0
    lost_evaluator: float = 0.02  # an evaluation: dies before it has written anything
    busy_evaluator: float = 0.02  # an evaluation: takes ten times as long


NO_FAULTS: Final = Faults(
    death=0, absence=0, interrupt=0, accident=0, session_kill=0, trouble=0, broken_slave=0, late_evaluator=0,
    lost_evaluator=0, busy_evaluator=0,
)  # fmt: skip
