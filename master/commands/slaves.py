"""`piufarm master slaves`: who tests for this farm, how it goes, and who gets no more packages for now."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.errors import UsageError
from piufarm.master.commands.ages import ago
from piufarm.master.session.machine import utc_now
from piufarm.store import open_store
from piufarm.store.attempts import PROBATION_SECONDS, SlaveRow
from piufarm.store.model import Store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--resume", metavar="NAME", help="let this slave work again and forget its troubles")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Print the slaves, after one of them was resumed."""
    configuration = load(arguments.config)
    store = open_store(configuration.farm.state, create=False)
    try:
        if arguments.resume is not None:
            _resume(store, arguments.resume)
        found = store.slaves()
    finally:
        store.close()
    now = utc_now()
    print(json.dumps([_facts(row) for row in found], indent=1) if arguments.json else _table(found, now))
    return 0


def _resume(store: Store, name: str) -> None:
    if not store.resume_slave(name):
        near = get_close_matches(name, [row.name for row in store.slaves()], 1)
        hint = f"did you mean {near[0]}?" if near else "`piufarm master slaves` lists them"
        raise UsageError(f"no slave {name!r} has been here", hint=hint)


def _facts(row: SlaveRow) -> dict[str, Any]:
    return {
        "slave": row.name,
        "last_seen": row.last_seen.isoformat(),
        "holds": row.holds,
        "attempts": len(row.attempts),
        "troubles": row.attempts.count(False),
        "trouble_share": round(row.trouble_share, 3),
        "drained_at": None if row.drained_at is None else row.drained_at.isoformat(),
        "probation_at": None if row.drained_at is None else _probation_at(row.drained_at).isoformat(),
    }


def _probation_at(drained_at: datetime) -> datetime:
    return drained_at + timedelta(seconds=PROBATION_SECONDS)


def _table(slaves: Sequence[SlaveRow], now: datetime) -> str:
    if not slaves:
        return "no slave has been here"
    rows = [("slave", "last seen", "holds", "last attempts", "")]
    for row in slaves:
        attempts = f"{row.attempts.count(False)} of {len(row.attempts)} in trouble" if row.attempts else "none"
        rows.append((row.name, ago(now, row.last_seen), str(row.holds), attempts, state_of(row, now)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def state_of(row: SlaveRow, now: datetime) -> str:
    """Whether a slave gets packages, if that is not as usual."""
    if row.drained_at is None:
        return ""
    if row.is_on_probation(now):
        return "on probation: gets one package at a time until a test succeeds"
    minutes = -(-int((_probation_at(row.drained_at) - now).total_seconds()) // 60)
    return f"drained {ago(now, row.drained_at)}: gets no packages for another {minutes} min"
