"""Bringing states up to date: by one process per section at a time, however many sessions ask for it."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import piufarm
from piufarm.names import SectionName
from piufarm.store.evaluations import Circumstances
from piufarm.store.model import ComputedState, Snapshot, Store

if TYPE_CHECKING:
    from piufarm.master.states.graph import Graph

LINGER_SECONDS: Final = 10  # how long an evaluator that a session has started stays after its last work
_ROUNDS: Final = 5  # then it is for those to ask again who have brought something in meanwhile


class SectionStates:
    """The states of one section, kept between evaluations: a new result does not make everything be read again."""

    def __init__(self, store: Store, section: SectionName) -> None:
        self._store = store
        self._section = section
        self._kept: tuple[Snapshot, Graph] | None = None

    def bring_up_to_date(self) -> int:
        """Take account of all that has come in until now; returns how many packages changed."""
        return self._evaluate(*self._present()) if self._store.evaluation_due(self._section) else 0

    def _evaluate(self, snapshot: Snapshot, graph: Graph) -> int:
        from piufarm.master.states.evaluation import evaluate  # loads what sessions do not need

        states = evaluate(snapshot, graph)
        self._store.set_states(self._section, states, evaluated=snapshot)
        self._kept = _with_stored(snapshot, dict(states.items())), graph
        return len(states)

    def _present(self) -> tuple[Snapshot, Graph]:
        """The section as it is now, with as little reading as possible."""
        from piufarm.master.states.graph import Graph

        if self._kept is not None:
            snapshot, graph = self._kept
            changes = self._store.changes_since(self._section, snapshot)
            if changes is not None:
                known, stored = changes
                snapshot = _with_stored(_under(snapshot, known), stored)
                return snapshot, graph.after(snapshot)
        self._kept = None  # makes room for the other one
        snapshot = self._store.snapshot(self._section)
        return snapshot, Graph(snapshot)


def _under(snapshot: Snapshot, known: Circumstances) -> Snapshot:
    """The same packages under other circumstances."""
    nodes = []
    for node in snapshot.nodes:
        what = node.name, node.version
        outcome, recycled = known.outcomes.get(what), what in known.recycled
        if outcome is not node.outcome or recycled is not node.recycled:
            node = node._replace(outcome=outcome, recycled=recycled)
        nodes.append(node)
    return replace(snapshot, counter=known.counter, nodes=nodes)


def _with_stored(snapshot: Snapshot, states: Mapping[str, ComputedState]) -> Snapshot:
    nodes = [
        node if (stored := states.get(node.name)) is None else node._replace(stored=stored) for node in snapshot.nodes
    ]
    return replace(snapshot, nodes=nodes)


def bring_up_to_date(store: Store, section: SectionName) -> int:
    """Let the section's states take account of all that has come in until now; returns how many packages changed."""
    return SectionStates(store, section).bring_up_to_date()


def evaluate_alone(
    store: Store,
    section: SectionName,
    states: SectionStates | None = None,
    *,
    then: Callable[[], None] = lambda: None,
) -> int | None:
    """Bring states up to date unless another process is at it already; None then.

    `states` are those that were kept from an earlier time; `then` is done while others still rely on this process.
    """
    states = states or SectionStates(store, section)
    changed: int | None = None
    for _ in range(_ROUNDS):
        with store.exclusive(_lock(section)) as alone:
            if not alone:
                break
            changed = (changed or 0) + states.bring_up_to_date()
            then()
        # asked again after the lock was given up: whoever found it taken relies on us
        if not store.evaluation_due(section):
            break
    return changed


def is_being_evaluated(store: Store, section: SectionName) -> bool:
    """Whether a process is at work on the section's states, or stays to be."""
    return store.is_held(_lock(section))


def start_evaluator(section: SectionName, *, config: Path, errors: Path, lock: Path) -> None:
    """Start `piufarm master evaluate` as a process that outlives this one; what it has to say goes to `errors`.

    Nothing is started while one that was started with this `lock` runs on this host: it takes a moment until that one
    holds the lock of the store, and meanwhile every session would start its own. Raises FarmError, OSError.
    """
    from piufarm.run import DEVNULL, clean_environment, spawn  # loads subprocess, which few sessions need

    package = Path(piufarm.__file__).resolve().parent
    words: list[str | Path] = ["--config", config, "--linger", str(LINGER_SECONDS), section]
    # opened for reading, because it may be another account's
    with open(lock, "rb", opener=lambda path, flags: os.open(path, flags | os.O_CREAT, 0o644)) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        with errors.open("ab") as stderr:
            spawn(
                [sys.executable, "-P", "-m", "piufarm", "master", "evaluate", *words],
                env=clean_environment(PYTHONPATH=str(package.parent)),
                stdin=held,  # the lock is its own now, for as long as it lives
                stdout=DEVNULL,
                stderr=stderr,
            )


def _lock(section: SectionName) -> str:
    return f"evaluate {section}"
