"""What a session has apart from its section."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from piufarm.master.session.machine import Machine
from piufarm.store.attempts import RecordedTrouble
from piufarm.store.model import Store


@dataclass(frozen=True)
class Surroundings:
    """What a session has apart from its section."""

    store: Store
    slave: str | None  # who we talk to, by the forced command; None: not said
    config: Path
    errors: Path  # where processes that we start complain
    warn: Callable[[str], None]  # takes one line for the administrator
    note: Callable[[str], None]  # takes one line for the log of the section's sessions
    machine: Machine

    def note_trouble(self, recorded: RecordedTrouble) -> None:
        """Tell what a trouble has led to."""
        trouble = recorded.trouble
        who = trouble.slave or "anonymous"
        if trouble.log is None:
            self.note(f"{trouble.package} {trouble.version} was not heard of again from {who}")
        if recorded.held:
            self.note(f"{trouble.package} {trouble.version} is held back: too many attempts ended in trouble")
        if recorded.drained:
            self.note(f"{who} gets no more packages: too many of its tests ended in trouble (`piufarm master slaves`)")
