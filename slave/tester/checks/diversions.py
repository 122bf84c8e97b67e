"""Diversions that a package leaves behind, or takes from somebody else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.state.diversions import DIVERSIONS, Diversion, parse_diversions

_NAME: Final = "diversions"


def _finding(headline: str, diversions: Iterable[Diversion]) -> Iterable[Finding]:
    found = sorted(diversions)
    if found:
        text = "\n".join([headline, *map(str, found)])
        owners = tuple(sorted({diversion.package for diversion in found} - {":"}))
        yield Finding(_NAME, Severity.ERROR, text, tuple(diversion.path for diversion in found), owners)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    before = set(examination.reference.diversions)
    after = set(parse_diversions(examination.chroot.read(DIVERSIONS)))
    yield from _finding("FAIL: Installed diversions (dpkg-divert) not removed by purge:", after - before)
    yield from _finding("FAIL: Existing diversions (dpkg-divert) removed/modified:", before - after)


CHECK: Final = Check(
    _NAME, (Moment.COMPARED,), _find, ends_the_test=False, is_wanted=lambda options: options.diversions
)
