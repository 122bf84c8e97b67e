"""`piufarm master status`: how far the sections are, and who tests what."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TextIO

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Section
from piufarm.master.commands.ages import ago
from piufarm.master.commands.selection import add_sections_argument, select_sections
from piufarm.master.commands.slaves import state_of
from piufarm.master.session.machine import utc_now
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.attempts import SlaveRow
from piufarm.store.model import Store

_LISTED: Final = 20  # packages that are shown one by one


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_sections_argument(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Print the status of the sections."""
    configuration = load(arguments.config)
    store = open_store(configuration.farm.state, create=False)
    try:
        sections = select_sections(configuration, arguments.sections)
        drained = [row for row in store.slaves() if row.drained_at is not None]
        found = [_status(store, section, drained) for section in sections]
    finally:
        store.close()
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        now = utc_now()
        _print(found, sys.stdout, now)
        for row in drained:
            print(f"{row.name}: {state_of(row, now)} (`piufarm master slaves`)")
    return 0


def _status(store: Store, section: Section, drained: Sequence[SlaveRow]) -> dict[str, Any]:
    row = store.section(section.name)
    counts = store.counts(section.name)
    return {
        "section": section.name,
        "refreshed_at": row.refreshed_at.isoformat() if row and row.refreshed_at else None,
        "evaluation_due": store.evaluation_due(section.name),
        "states": {state.value: counts[state] for state in PackageState},
        "total": sum(counts.values()),
        "reservations": [
            {
                "package": held.package,
                "version": held.version,
                "slave": held.owner,
                "reserved_at": held.reserved_at.isoformat(),
                "deadline": held.deadline.isoformat(),
                "lease": held.lease,
            }
            for held in store.reservations(section.name)
        ],
        "to_be_tested_again": len(store.recycle_queue(section.name)),
        "held_back": [
            {
                "package": hold.package,
                "version": hold.version,
                "held_at": hold.held_at.isoformat(),
                "reason": hold.reason,
            }
            for hold in store.holds(section.name)
        ],
        "drained_slaves": [row.name for row in drained],
    }


def _print(sections: Sequence[dict[str, Any]], stream: TextIO, now: datetime) -> None:
    for section in sections:
        refreshed = section["refreshed_at"]
        age = f"refreshed {_ago(now, refreshed)}" if refreshed else "never refreshed: run `piufarm master refresh`"
        print(f"{section['section']}: {section['total']} packages, {age}", file=stream)
        for state, number in section["states"].items():
            if number:
                print(f"  {number:7}  {state}", file=stream)
        if section["to_be_tested_again"]:
            print(f"  {section['to_be_tested_again']:7}  to be tested again", file=stream)
        if section["evaluation_due"] and refreshed:
            print("           (new results are still to be worked out: piufarm master evaluate)", file=stream)
        for line in (*_in_hand(section["reservations"], now), *_held_back(section["held_back"])):
            print(f"           {line}", file=stream)


def _in_hand(reservations: Sequence[dict[str, Any]], now: datetime) -> Iterator[str]:
    """Who holds what; of many packages only how many each slave holds."""
    by_holder: dict[str, list[dict[str, Any]]] = {}
    for held in reservations:
        by_holder.setdefault(held["slave"] or "somebody", []).append(held)
    for holder, packages in by_holder.items():
        if len(reservations) > _LISTED and len(packages) > 1:
            oldest = min(held["reserved_at"] for held in packages)
            yield f"{len(packages)} packages: with {holder}, the first reserved {_ago(now, oldest)}"
            continue
        for held in packages:
            overdue = ", past its deadline" if held["deadline"] < now.isoformat() else ""
            reserved = f"reserved {_ago(now, held['reserved_at'])}"
            yield f"{held['package']} {held['version']}: with {holder}, {reserved}{overdue}"


def _held_back(holds: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from (f"{hold['package']} {hold['version']}: {hold['reason']}" for hold in holds[:_LISTED])
    if len(holds) > _LISTED:
        yield f"and {len(holds) - _LISTED} more packages are held back (--json lists them all)"


def _ago(now: datetime, moment: str) -> str:
    return ago(now, datetime.fromisoformat(moment))
