"""The master's machine: starts a session for each slave that connects, and evaluators, all in simulated time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from bench.simulator.faults import Faults
from bench.simulator.ledger import Violation
from bench.simulator.wire import SessionEnd, SlaveEnd, Wire
from bench.simulator.world import Killed, World
from piufarm.config.model import Configuration
from piufarm.errors import FarmError
from piufarm.master.evaluator import LINGER_SECONDS, SectionStates, evaluate_alone
from piufarm.master.session.machine import Machine
from piufarm.master.session.session import Session, Visitor, offered_to
from piufarm.names import Package, SectionName
from piufarm.store import open_store
from piufarm.store.model import ComputedState, Snapshot, Store

_LATENCY: Final = (0.005, 0.05)
_EVALUATOR_START: Final = 0.3
_PAUSE: Final = 0.5
_BROKEN: Final = ("end of file in the middle", "the slave hung up", "nothing happened for")


@dataclass
class Host:
    """Sessions and evaluators as programs of the world."""

    world: World
    configuration: Configuration
    faults: Faults
    evaluation_seconds: float
    gather_seconds: float  # in which results gather for one evaluation while there is something to hand out
    counts: Counter[str] = field(default_factory=Counter)
    _evaluating: set[SectionName] = field(default_factory=set)

    def connect(self, slave: str) -> SlaveEnd:
        """A connection to a new session."""
        wire = Wire(self.world, self.world.random.uniform(*_LATENCY))
        self.counts["sessions"] += 1
        self.world.start_program(partial(self._serve, wire, slave))
        return SlaveEnd(wire)

    def _serve(self, wire: Wire, slave: str) -> None:
        machine = Machine(self.world.now, self.world.sleep, self._start_evaluator, is_overloaded=lambda: False)
        end = SessionEnd(wire, lambda: self._happens("session killed", self.faults.session_kill))
        try:
            visitor = Visitor(slave)
            offered = offered_to(visitor)
            Session(self.configuration, visitor, end, warn=self._warned, machine=machine, offered=offered).run()
        except FarmError as error:
            if not error.message.startswith(_BROKEN):
                raise Violation(f"the session of {slave} ended: {error.message}") from error
        finally:
            wire.master_has_closed = True
            wire.wake_slave()

    def _warned(self, text: str) -> None:
        raise Violation(f"a session warns: {text}")

    def _happens(self, what: str, probability: float) -> bool:
        """Whether a fault of this probability comes true now."""
        if self.world.random.random() >= probability:
            return False
        self.counts[what] += 1
        return True

    def _start_evaluator(self, section: SectionName, *, config: Path, errors: Path, lock: Path) -> None:
        if section in self._evaluating or self.world.running.killed:
            return
        self._evaluating.add(section)
        delay = _EVALUATOR_START
        if self._happens("evaluator late", self.faults.late_evaluator):
            delay += self.world.random.uniform(0.0, self.faults.late_evaluator_seconds)
        self.world.later(delay, lambda: self._begin(partial(self._evaluate, section)))

    def _begin(self, work: Callable[[], None]) -> None:
        self.world.start_program(work)

    def _evaluate(self, section: SectionName) -> None:
        store = open_store(self.configuration.farm.state)
        try:
            slow = cast(Store, _SlowStore(store, self))
            states = SectionStates(slow, section)
            evaluate_alone(slow, section, states, then=lambda: self._linger(store, section, states))
        finally:
            store.close()
            self._evaluating.discard(section)

    def _linger(self, store: Store, section: SectionName, states: SectionStates) -> None:
        """Stay for a while, as the real one does, and let results gather while there is enough to hand out."""
        idle = gathering = 0.0
        while idle < LINGER_SECONDS:
            self.world.sleep(_PAUSE)
            idle += _PAUSE
            gathering += _PAUSE
            if not store.evaluation_due(section):
                continue
            idle = 0.0
            if gathering > self.gather_seconds or not store.has_candidate(section, owner=None, now=self.world.now()):
                states.bring_up_to_date()
                gathering = 0.0

    def computed(self) -> None:
        """Let the time of a computation pass, or the evaluator die of it."""
        self.counts["evaluations"] += 1
        seconds = self.evaluation_seconds
        if self._happens("evaluator busy", self.faults.busy_evaluator):
            seconds *= 10
        self.world.sleep(seconds)
        if self._happens("evaluator killed", self.faults.lost_evaluator):
            self.world.running.killed = True
            raise Killed


class _SlowStore:
    """A store in which time passes between a snapshot and the states computed from it."""

    def __init__(self, store: Store, host: Host) -> None:
        self._store = store
        self._host = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def set_states(
        self, section: SectionName, states: Mapping[Package, ComputedState], *, evaluated: Snapshot
    ) -> None:
        """Write the states, later."""
        self._host.computed()
        self._store.set_states(section, states, evaluated=evaluated)
