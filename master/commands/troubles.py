"""`piufarm master troubles`: tests that said nothing about their package, and where the evidence is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.master.commands.ages import ago
from piufarm.master.commands.selection import add_sections_argument, select_sections
from piufarm.master.layout import section_files
from piufarm.master.session.machine import utc_now
from piufarm.store import open_store
from piufarm.store.attempts import Trouble

_LISTED: Final = 20  # of each section


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_sections_argument(parser)
    parser.add_argument("--all", action="store_true", help=f"list all, not only the last {_LISTED} of each section")
    parser.add_argument("--json", action="store_true", help="print all of them as JSON")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Print the troubles of each section, the newest first."""
    configuration = load(arguments.config)
    store = open_store(configuration.farm.state, create=False)
    try:
        found = {
            section_files(configuration.farm.master_directory, section.name).root: store.troubles(section.name)
            for section in select_sections(configuration, arguments.sections)
        }
    finally:
        store.close()
    if arguments.json:
        facts = [_facts(trouble, root) for root, troubles in found.items() for trouble in troubles]
        print(json.dumps(facts, indent=1))
    else:
        if not any(found.values()):
            print("no trouble")
        for root, troubles in found.items():
            _print(root, troubles, len(troubles) if arguments.all else _LISTED)
    return 0


def _facts(trouble: Trouble, root: Path) -> dict[str, Any]:
    return {
        "section": trouble.section,
        "package": trouble.package,
        "version": trouble.version,
        "kind": trouble.kind,
        "slave": trouble.slave,
        "noted_at": trouble.noted_at.isoformat(),
        "log": _log(trouble, root),
        "counted": trouble.counted,
    }


def _log(trouble: Trouble, root: Path) -> str | None:
    return None if trouble.log is None else str(root / trouble.log)


def _print(root: Path, troubles: Sequence[Trouble], listed: int) -> None:
    now = utc_now()
    for trouble in troubles[:listed]:
        what = f"{trouble.section}: {trouble.package} {trouble.version}: {trouble.kind}"
        evidence = _log(trouble, root) or "it was not heard of again"
        print(f"{what} with {trouble.slave or 'somebody'} {ago(now, trouble.noted_at)}: {evidence}")
    if len(troubles) > listed:
        print(f"{troubles[0].section}: and {len(troubles) - listed} before these (--all)")
