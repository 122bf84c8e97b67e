"""Symbolic links that lead nowhere, of the packages under test and of everything else in the chroot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.ignores import Ignored
from piufarm.slave.tester.state.links import BrokenLink

_NAME: Final = "broken-symlinks"


def _reported(examination: Examination) -> Iterable[BrokenLink]:
    for link in examination.base.links.broken(examination.tree()).values():
        match examination.ignores.covers_whole(link.path):
            case Ignored.NO:
                yield link
            case Ignored.ALOUD:
                examination.log.info(f"IGNORED broken symlink: {one_line(link.path)}")
            case Ignored.QUIETLY:
                pass


def _noticed(examination: Examination, moment: Moment) -> list[BrokenLink]:
    """Of an upgrade between suites, those that the upgraded base has, too, say nothing about the packages."""
    if moment is not Moment.BETWEEN_SUITES:
        return list(_reported(examination))
    if examination.options.checks.compat:  # the predecessor does not look
        return []
    return [link for link in _reported(examination) if examination.reference.tree.get(link.path) is None]


def _find(examination: Examination, moment: Moment) -> Iterable[Finding]:
    links = _noticed(examination, moment)
    if not links:
        examination.log.debug("No broken symlinks as far as we can find.")
        return
    for link in links:
        if link.is_loop:
            examination.log.error(f"ELOOP: Too many symbolic links in '{one_line(link.path)}'")
    is_failure = examination.options.checks.broken_symlinks_fail and moment is not Moment.DEPENDENCIES
    lines = []
    everyone: set[str] = set()
    for link in links:
        owners = examination.lists.owners(link.path) if moment is Moment.INSTALLED else ()
        everyone.update(owners)
        shown = f" ({', '.join(owners)})" if owners else ""
        lines.append(f"{one_line(link.path)} -> {one_line(link.target)}{shown}")
    text = "\n".join([f"{'FAIL' if is_failure else 'WARN'}: Broken symlinks:", *lines])
    severity = Severity.ERROR if is_failure else Severity.WARNING
    yield Finding(_NAME, severity, text, tuple(link.path for link in links), tuple(sorted(everyone)))


CHECK: Final = Check(
    _NAME,
    (
        Moment.START,
        Moment.DEPENDENCIES,
        Moment.INSTALLED,
        Moment.BETWEEN_SUITES,
        Moment.PURGED_ONCE,
        Moment.PURGED,
    ),
    _find,
    is_wanted=lambda options: options.symlinks,
)
