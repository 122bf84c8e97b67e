"""`piufarm why`: what a package waits for, or how it came into its state."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Section
from piufarm.errors import UsageError
from piufarm.master.commands.selection import select_sections
from piufarm.master.why.chain import Explanation, explain
from piufarm.master.why.words import log_of, outlook, sentence, steps
from piufarm.names import InvalidName, Package
from piufarm.store import open_store
from piufarm.store.explanations import Situation
from piufarm.store.model import Store


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Tells what a package waits for and who keeps that, down to the cause; its place in the queue, and when a"
        " result can be expected, from how long tests took lately."
    )
    parser.add_argument("package", metavar="PACKAGE", help="name of a binary package")
    parser.add_argument("sections", metavar="SECTION", nargs="*", help="default: every section that has the package")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Explain; a package that no section has is a mistake of whoever asks."""
    configuration = load(arguments.config)
    now = datetime.now(UTC)
    sections = select_sections(configuration, arguments.sections)
    store = open_store(configuration.farm.state, create=False)
    try:
        package = _package(arguments.package)
        asked = [explain(store, section.name, package, now=now) for section in sections]
        found = [explanation for explanation in asked if explanation is not None]
        if not found:
            _refuse(store, sections, package)
    finally:
        store.close()
    if arguments.json:
        print(json.dumps([_as_json(explanation, now) for explanation in found], indent=1))
    else:
        print("\n\n".join(_as_text(explanation, now) for explanation in found))
    return 0


def _package(word: str) -> Package:
    try:
        return Package(word)
    except InvalidName as error:
        raise UsageError(str(error), hint="give the name of a binary package") from error


def _refuse(store: Store, sections: Sequence[Section], package: Package) -> None:
    """Raises UsageError: nobody has it; near names and older results may help."""
    where = f"section {sections[0].name} has no" if len(sections) == 1 else "no section has a"
    near: list[str] = []
    for section in sections:
        for run in store.runs(section.name, package=package):
            hint = f"its last result in {section.name}: {run.version}, {run.outcome}, {run.received_at:%Y-%m-%d}"
            raise UsageError(f"{where} package {package} any more", hint=hint)
        near += get_close_matches(package, store.names_like(section.name, package), 3)
    hint = f"did you mean {', '.join(dict.fromkeys(near))}?" if near else "give the name of a binary package"
    raise UsageError(f"{where} package {package}", hint=hint)


def _as_text(explanation: Explanation, now: datetime) -> str:
    subject = explanation.subject
    lines = [f"{subject.section}: {subject.package} {subject.version} is {subject.state}"]
    lines += [f"  {line}" for line in steps(explanation, now)]
    lines += [f"  {line[:1].upper()}{line[1:]}" for line in outlook(explanation, now)]
    return "\n".join(lines)


def _as_json(explanation: Explanation, now: datetime) -> Mapping[str, Any]:
    subject, pace = explanation.subject, explanation.pace
    return {
        "section": subject.section,
        "package": subject.package,
        "version": subject.version,
        "state": subject.state,
        "sentence": sentence(explanation, now),
        "chain": [_link_as_json(situation) for situation in explanation.chain],
        "ahead": explanation.ahead,
        "retests_ahead": explanation.retests_ahead,
        "expected_seconds": explanation.expected_seconds,
        "mean_seconds": pace.mean_seconds,
        "slaves": pace.slaves,
        "drained": list(pace.drained),
        "settled": explanation.is_settled,
    }


def _link_as_json(situation: Situation) -> Mapping[str, Any]:
    run, held, hold = situation.run, situation.reservation, situation.hold
    return {
        "section": situation.section,
        "package": situation.package,
        "version": situation.version,
        "state": situation.state,
        "reason": situation.reason,
        "result": run and {"outcome": run.outcome, "received_at": run.received_at.isoformat(), "log": log_of(run)},
        "reservation": held
        and {
            "slave": held.owner,
            "reserved_at": held.reserved_at.isoformat(),
            "deadline": held.deadline.isoformat(),
        },
        "held_back": hold and {"since": hold.held_at.isoformat(), "reason": hold.reason},
        "retest_since": situation.retest_since and situation.retest_since.isoformat(),
    }
