"""Lists of paths as the log shows them: path, link target, a tab, and who owns it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.ignores import Ignored
from piufarm.slave.tester.log import one_line


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


def list_finding(
    examination: Examination, check: str, headline: str, entries: Mapping[str, Entry], severity: Severity
) -> Iterable[Finding]:
    """A finding about these paths, or none if there are none. The list ends with an empty line."""
    if not entries:
        return
    owners = {path: examination.lists.owners(path) for path in entries}
    lines = [entry_line(path, entry, owners[path]) for path, entry in sorted(entries.items())]
    everyone = sorted({owner for path in entries for owner in owners[path]})
    yield Finding(check, severity, "\n".join([headline, *lines, ""]), tuple(sorted(entries)), tuple(everyone))
