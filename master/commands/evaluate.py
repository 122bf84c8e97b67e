"""`piufarm master evaluate`: work out what new results mean for the packages that depend on them."""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Configuration
from piufarm.errors import UsageError
from piufarm.master.commands.selection import add_sections_argument, select_sections
from piufarm.master.evaluator import SectionStates, evaluate_alone
from piufarm.master.refresh.section_order import in_order, lookers
from piufarm.names import SectionName
from piufarm.store import open_store
from piufarm.store.model import Store

_NICENESS: Final = 19  # slaves that wait for answers go first
_PAUSE_SECONDS: Final = 0.2  # between two looks of an evaluator that stays
_WORTH: Final = 20  # times as long as a first evaluation takes, it pays to stay for the next
_REST: Final = 3  # times as long as it works, an evaluator that stays leaves the processor to others …
_REST_MAX_SECONDS: Final = 5.0  # … but states are never older than ten seconds


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_sections_argument(parser)
    parser.add_argument(
        "--linger",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="stay until nothing has come in for so long: what a large section has once read need not be read again",
    )
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Evaluate each section that has something new, and those that look into it."""
    configuration = load(arguments.config)
    chosen = [section.name for section in select_sections(configuration, arguments.sections)]
    if arguments.linger and len(chosen) != 1:
        raise UsageError("--linger is for one section at a time", hint="name the section")
    store = open_store(configuration.farm.state, create=False)
    os.nice(_NICENESS)
    gc.disable()  # hundreds of thousands of tuples live until the end, and refer to nothing in circles
    try:
        evaluation = _Evaluation(configuration, store, chosen)
        if arguments.linger:
            evaluation.stay(chosen[0], arguments.linger)
        else:
            evaluation.catch_up()
    finally:
        store.close()
    return 0


class _Evaluation:
    """Of some sections, and of all whose states depend on theirs."""

    def __init__(self, configuration: Configuration, store: Store, chosen: Sequence[SectionName]) -> None:
        names = (*in_order(configuration.sections, chosen), *lookers(configuration.sections, chosen))
        self._store = store
        self._states = {name: SectionStates(store, name) for name in names}

    def catch_up(self, *, but: SectionName | None = None) -> None:
        """Evaluate what is due."""
        # sections that look into each other may make each other's states due; what is left then is for the next time
        for _ in self._states:
            due = [name for name in self._states if name != but and self._store.evaluation_due(name)]
            if not due:
                break
            for name in due:
                _tell(name, evaluate_alone(self._store, name, self._states[name]))

    def stay(self, section: SectionName, seconds: float) -> None:
        """Evaluate a section, and again until nothing has come in for so long."""
        began = time.monotonic()

        def attend() -> None:
            # what a small section would save by this is soon less than what it costs
            self._attend(section, min(seconds, _WORTH * (time.monotonic() - began)))

        changed = evaluate_alone(self._store, section, self._states[section], then=attend)
        if changed is None:
            _tell(section, None)

    def _attend(self, section: SectionName, seconds: float) -> None:
        idle_since = rested_at = time.monotonic()
        self.catch_up(but=section)
        while time.monotonic() - idle_since < seconds:
            time.sleep(_PAUSE_SECONDS)
            if not self._store.evaluation_due(section):
                continue
            idle_since = began = time.monotonic()
            # an evaluation costs the same for one result as for hundreds: they may gather as long as nobody waits
            if began < rested_at and self._store.has_candidate(section, owner=None, now=datetime.now(UTC)):
                continue
            _tell(section, self._states[section].bring_up_to_date())
            self.catch_up(but=section)
            idle_since = time.monotonic()
            rested_at = idle_since + min(_REST_MAX_SECONDS, _REST * (idle_since - began))


def _tell(section: SectionName, changed: int | None) -> None:
    print(f"{section}: {'being evaluated' if changed is None else f'{changed} packages changed'}", flush=True)
