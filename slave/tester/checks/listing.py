"""Lists of paths as the log shows them: path, link target, a tab, and who owns it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.compare import NO_DIFFERENCES, Comparison
from piufarm.slave.tester.state.ignores import Ignored
from piufarm.slave.tester.state.owners import FileLists

_NOT_THEIRS: Final = "It was so with the dependencies alone: the packages under test are not to blame."


def not_ignored(examination: Examination, entries: Mapping[str, Entry], when: int) -> dict[str, Entry]:
    """The paths that no rule covers; a rule that is to be heard is noted (`when`: 1 before the test, 2 after)."""
    kept: dict[str, Entry] = {}
    for path, entry in entries.items():
        match examination.ignores.covers(path):
            case Ignored.NO:
                kept[path] = entry
            case Ignored.ALOUD:
                examination.log.info(f"IGNORED PATH@{when}: {one_line(path)}")
            case Ignored.QUIETLY:
                pass
    return kept


def entry_line(path: str, entry: Entry, owners: Sequence[str]) -> str:
    """One entry of a list."""
    target = f" -> {one_line(entry.target)}" if entry.target is not None else ""
    return f"{one_line(path)}{target}\t " + (f"owned by: {', '.join(owners)}" if owners else "not owned")


def entry_list(headline: str, entries: Mapping[str, Entry], lists: FileLists, *closing: str) -> str:
    """A headline, one line for each entry, and an empty line."""
    lines = [entry_line(path, entry, lists.owners(path)) for path, entry in sorted(entries.items())]
    return "\n".join([headline, *lines, *closing, ""])


def list_finding(
    examination: Examination,
    check: str,
    headline: str,
    entries: Mapping[str, Entry],
    severity: Severity,
    *closing: str,
) -> Iterable[Finding]:
    """A finding about these paths, or none if there are none."""
    if not entries:
        return
    text = entry_list(headline, entries, examination.lists, *closing)
    everyone = sorted({owner for path in entries for owner in examination.lists.owners(path)})
    yield Finding(check, severity, text, tuple(sorted(entries)), tuple(everyone))


@dataclass(frozen=True)
class Headlines:
    """What stands above a list of paths that fail the test, and above one that is only mentioned."""

    failure: str
    mention: str


def list_findings(
    examination: Examination,
    check: str,
    headlines: Headlines,
    entries: Mapping[str, Entry],
    of_dependencies: Collection[str] = (),
) -> Iterable[Finding]:
    """A finding about these paths, and another one about those that the dependencies alone account for."""
    own = {path: entry for path, entry in entries.items() if path not in of_dependencies}
    theirs = {path: entry for path, entry in entries.items() if path in of_dependencies}
    yield from list_finding(examination, check, headlines.failure, own, Severity.ERROR)
    yield from list_finding(examination, check, headlines.mention, theirs, Severity.INFO, _NOT_THEIRS)


def of_dependencies(examination: Examination) -> Comparison:
    """What was different when only the dependencies were installed, if that excuses anything."""
    if not examination.options.checks.warn_on_others or examination.dependencies is None:
        return NO_DIFFERENCES
    return examination.comparison_with(examination.dependencies)
