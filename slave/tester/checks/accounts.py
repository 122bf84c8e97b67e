"""Users and groups that a package leaves behind, takes away or changes.

Whether a package removes the system users that it made is left open by Debian's policy, because files may still belong
to them: they are only mentioned. Users for people, and what becomes of users and groups of others, are another matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment, unless_compat
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.identities import Identities

_NAME: Final = "accounts"
_PEOPLE: Final = range(1000, 60000)  # Debian Policy 9.2.2: not for packages
_LEFT_FOR_SYSTEM: Final = "Users and groups that packages made are still there, as policy allows:"
_LEFT_FOR_PEOPLE: Final = "FAIL: Package purging left users or groups for people on system:"
_GONE: Final = "FAIL: After purging users or groups have disappeared:"
_CHANGED: Final = "FAIL: After purging users or groups have been changed:"


def left(before: Identities, after: Identities, *, for_people: bool) -> Iterator[str]:
    """Users and groups that were not there before."""
    for name, user in sorted(after.accounts.items()):
        if name not in before.accounts and (user.uid in _PEOPLE) is for_people:
            yield f"user {one_line(name)} ({user.uid})"
    for name, group in sorted(after.memberships.items()):
        if name not in before.memberships and (group.gid in _PEOPLE) is for_people:
            yield f"group {one_line(name)} ({group.gid})"


def gone(before: Identities, after: Identities) -> Iterator[str]:
    """Users and groups that are no longer there."""
    yield from (f"user {one_line(name)}" for name in sorted(before.accounts.keys() - after.accounts.keys()))
    yield from (f"group {one_line(name)}" for name in sorted(before.memberships.keys() - after.memberships.keys()))


def changed(before: Identities, after: Identities) -> Iterator[str]:
    """What is different about users and groups that were there before; new users may be new members."""
    for name in sorted(before.accounts.keys() & after.accounts.keys()):
        pairs = zip(before.accounts[name]._fields, before.accounts[name], after.accounts[name], strict=True)
        for field, expected, found in pairs:
            if expected != found:
                yield f"user {one_line(name)}: {field} {one_line(str(expected))} -> {one_line(str(found))}"
    for name in sorted(before.memberships.keys() & after.memberships.keys()):
        old, new = before.memberships[name], after.memberships[name]
        if old.gid != new.gid:
            yield f"group {one_line(name)}: gid {old.gid} -> {new.gid}"
        for member in sorted(set(old.members) ^ set(new.members)):
            if member in old.members:
                yield f"group {one_line(name)}: {one_line(member)} is no member any more"
            elif member in before.accounts:
                yield f"group {one_line(name)}: {one_line(member)} is a member now"


def _finding(severity: Severity, headline: str, lines: Iterable[str]) -> Iterable[Finding]:
    found = list(lines)
    if found:
        yield Finding(_NAME, severity, "\n".join([headline, *found]))


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    before, after = examination.reference.identities, examination.present_identities()
    yield from _finding(Severity.INFO, _LEFT_FOR_SYSTEM, left(before, after, for_people=False))
    yield from _finding(Severity.ERROR, _LEFT_FOR_PEOPLE, left(before, after, for_people=True))
    yield from _finding(Severity.ERROR, _GONE, gone(before, after))
    yield from _finding(Severity.ERROR, _CHANGED, changed(before, after))


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False, is_wanted=unless_compat)
