"""Alternatives that a package leaves behind, takes away or changes: the comparison of files ignores their record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment, unless_compat
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.alternatives import ALTERNATIVES, difference, parse_alternative
from piufarm.slave.tester.state.base_content import base_content

_NAME: Final = "alternatives"
_LEFT: Final = "FAIL: Package purging left alternatives on system:"
_GONE: Final = "FAIL: After purging alternatives have disappeared:"
_CHANGED: Final = "FAIL: After purging alternatives have been changed:"


def _is_record(path: str) -> bool:
    name = path.removeprefix(ALTERNATIVES)
    return name != path and "/" not in name and not name.endswith((".dpkg-tmp", ".dpkg-new"))


def _changed(examination: Examination, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """In what records differ, each as a line; nothing is known of what was changed before the reference was taken."""
    for path in sorted(paths):
        before = None
        if path not in examination.reference.tree.changes.after:
            before = base_content(examination.chroot.base, path)
        after = examination.chroot.read(path)
        if before is None or after is None:
            continue
        words = difference(parse_alternative(before), parse_alternative(after))
        if words:
            yield path, f"{_name(path)}: {one_line(words)}"


def _name(path: str) -> str:
    return one_line(path.removeprefix(ALTERNATIVES))


def _named(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((path, _name(path)) for path in sorted(paths))


def _finding(headline: str, records: Iterable[tuple[str, str]]) -> Iterable[Finding]:
    lines = dict(records)
    if lines:
        yield Finding(_NAME, Severity.ERROR, "\n".join([headline, *lines.values()]), tuple(lines))


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    changes = examination.reference.tree.differences(examination.tree())
    before = {path for path in changes.before if _is_record(path)}
    after = {path for path in changes.after if _is_record(path)}
    yield from _finding(_LEFT, _named(after - before))
    yield from _finding(_GONE, _named(before - after))
    yield from _finding(_CHANGED, _changed(examination, before & after))


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False, is_wanted=unless_compat)
