"""`piufarm master status`: how far the sections are, and who tests what."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Section
from piufarm.master.selection import add_sections_argument, select_sections
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.model import Store


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
        found = [_status(store, section) for section in sections]
    finally:
        store.close()
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        _print(found, sys.stdout, datetime.now(UTC))
    return 0


def _status(store: Store, section: Section) -> dict[str, Any]:
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
            }
            for held in store.reservations(section.name)
        ],
    }


def _print(sections: Sequence[dict[str, Any]], stream: TextIO, now: datetime) -> None:
    for section in sections:
        refreshed = section["refreshed_at"]
        age = f"refreshed {_ago(now, refreshed)}" if refreshed else "never refreshed: run `piufarm master refresh`"
        print(f"{section['section']}: {section['total']} packages, {age}", file=stream)
        for state, number in section["states"].items():
            if number:
                print(f"  {number:7}  {state}", file=stream)
        if section["evaluation_due"]:
            print("           (new results are still to be worked out: piufarm master evaluate)", file=stream)
        for held in section["reservations"]:
            overdue = ", past its deadline" if held["deadline"] < now.isoformat() else ""
            who = f"with {held['slave'] or 'somebody'}, reserved {_ago(now, held['reserved_at'])}"
            print(f"           {held['package']} {held['version']}: {who}{overdue}", file=stream)


def _ago(now: datetime, moment: str) -> str:
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
