"""Runs one check on a chroot in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from piufarm.outcome import Finding
from piufarm.slave.tester.checks import CHECKS
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import CheckOptions, Options, RootOptions
from piufarm.slave.tester.state.ignores import builtin_rules
from piufarm.slave.tester.steps.teardown import note_owners
from tests.slave.tester.memory import Answer, Bench, Node, answered, bench

INFO: Final = "/var/lib/dpkg/info"


def run(bench: Bench, name: str, moment: Moment) -> list[Finding]:
    """What one check finds; whether it is to run at all is decided as in a test."""
    check = next(check for check in CHECKS if check.name == name)
    assert moment in check.moments
    if not check.is_wanted(bench.examination.options.checks):
        return []
    return list(check.find(bench.examination, moment))


def installed(
    tmp_path: Path, nodes: Mapping[str, Node], *answers: Answer, checks: CheckOptions | None = None,
    root: RootOptions | None = None,
) -> Bench:
    """An examination with these objects in the chroot beside those of the base, owners noted."""
    options = Options(("probe",), apt=True, checks=checks or CheckOptions(builtin_rules()), root=root or RootOptions())
    made = bench(tmp_path, *answers, options=options)
    made.chroot.add(nodes)
    note_owners(made.examination)
    return made


def with_query(output: str) -> Answer:
    """Answers dpkg-query."""
    return lambda _, argv: answered(argv, output) if argv[0] == "dpkg-query" else None
