"""File capabilities, access lists and other extended attributes that paths of the reference have got or lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.base_content import base_attributes
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.checks.listing import not_ignored
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.log import one_line

_NAME: Final = "extended-attributes"
_HEADLINE: Final = "FAIL: After purging files have other capabilities or extended attributes:"
_BY_THE_KERNEL: Final = ("security.selinux", "security.ima", "security.evm")


def _candidates(examination: Examination) -> list[str]:
    """Paths of the base, not touched before the reference was taken, that the test may have touched."""
    reference, tree = examination.reference.tree, examination.tree()
    changes = tree.changes
    touched = tree.changes.after.keys()
    paths = touched | changes.rewritten if changes.rewritten is not None else examination.chroot.base.tree.keys()
    present = {
        path: entry
        for path in paths
        if (entry := tree.get(path)) is not None and reference.get(path) and path not in reference.changes.after
    }
    return sorted(not_ignored(examination, present, 2))


def _differences(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterable[str]:
    for name in sorted(before.keys() | after.keys()):
        if name in _BY_THE_KERNEL or before.get(name) == after.get(name):
            continue
        if name not in after:
            yield f"{one_line(name)} is gone"
        else:
            yield f"{one_line(name)} is {'another' if name in before else 'new'}"


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    paths = _candidates(examination)
    present = examination.chroot.attributes(paths)
    lines: dict[str, str] = {}
    for path in paths:
        words = ", ".join(_differences(base_attributes(examination.chroot.base, path), present.get(path, {})))
        if words:
            lines[path] = f"{one_line(path)}: {words}"
    if lines:
        owners = {owner for path in lines for owner in examination.lists.owners(path)}
        text = "\n".join([_HEADLINE, *lines.values()])
        yield Finding(_NAME, Severity.ERROR, text, tuple(lines), tuple(sorted(owners)))


CHECK: Final = Check(
    _NAME, (Moment.COMPARED,), _find, ends_the_test=False, is_wanted=lambda options: not options.compat
)
