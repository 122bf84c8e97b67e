"""Lists of paths as the log shows them: path, link target, a tab, and who owns it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.blame.culprits import subjects_of_others
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.compare import NO_DIFFERENCES, Change, Comparison
from piufarm.slave.tester.state.ignores import Ignored
from piufarm.slave.tester.state.owners import FileLists

_WITHOUT_THEM: Final = "It was so with the dependencies alone: the packages under test are not to blame."
_BY_OTHERS: Final = "Other packages have done that: the packages under test are not to blame."


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


def modified_entries(examination: Examination, changes: Mapping[str, Change]) -> dict[str, Entry]:
    """The modified paths that no rule covers, as they are now; the log says in what they differ."""
    tree = examination.tree()
    present = ((path, tree.get(path.rstrip("/") or "/")) for path in changes)
    kept = not_ignored(examination, {path: entry for path, entry in present if entry is not None}, 2)
    for path in kept:
        expected, found = changes[path].expected, changes[path].found
        examination.log.debug(
            f"Modified(user, group, mode, size, target): {one_line(path)} expected{expected} != found{found}"
        )
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
    """A finding about these paths, and others about those that the packages under test are not to blame for."""
    without_them = {path: entry for path, entry in entries.items() if path in of_dependencies}
    rest = {path: entry for path, entry in entries.items() if path not in of_dependencies}
    excused = _by_others(examination, check, rest)
    by_others = {path: entry for path, entry in rest.items() if path in excused}
    own = {path: entry for path, entry in rest.items() if path not in excused}
    yield from list_finding(examination, check, headlines.failure, own, Severity.ERROR)
    yield from list_finding(examination, check, headlines.mention, without_them, Severity.INFO, _WITHOUT_THEM)
    yield from list_finding(examination, check, headlines.mention, by_others, Severity.INFO, _BY_OTHERS)


def _by_others(examination: Examination, check: str, entries: Mapping[str, Entry]) -> Collection[str]:
    """What other packages have certainly done, if that excuses anything; the predecessor does not know who did what."""
    if not examination.options.checks.warn_on_others or examination.options.checks.compat:
        return ()
    finding = Finding(check, Severity.ERROR, "", tuple(entries))
    return subjects_of_others(finding, examination.chroot, examination.lists, examination.own_names())


def of_dependencies(examination: Examination) -> Comparison:
    """What was different when only the dependencies were installed, if that excuses anything."""
    if not examination.options.checks.warn_on_others or examination.dependencies is None:
        return NO_DIFFERENCES
    return examination.comparison_with(examination.dependencies)
