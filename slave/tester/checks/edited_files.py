"""Files of the reference whose content is another after the purge though their size is the same, and device nodes that
have become another device: the comparison of the predecessor takes them for unchanged.

Only files that the test has written to are read.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.checks.check import Check, Moment, unless_compat
from piufarm.slave.tester.checks.listing import list_finding, not_ignored
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.state.base_content import base_md5
from piufarm.slave.tester.state.compare import Attributes

_NAME: Final = "edited-files"
_HEADLINE: Final = "FAIL: After purging files have another content of the same size:"
_DEVICE_HEADLINE: Final = "FAIL: After purging device nodes have become other devices:"


def _kept(examination: Examination) -> Iterator[tuple[str, Entry, Entry]]:
    """Paths that were written to, with what they were and are, if what is compared otherwise is the same."""
    reference, tree = examination.reference, examination.tree()
    changes = reference.tree.differences(tree)
    now = examination.present_identities()
    for path in changes.before.keys() & changes.after.keys() | (tree.changes.rewritten or frozenset()):
        before, after = reference.tree.get(path), tree.get(path)
        if before is None or after is None:
            continue
        if Attributes.of(before, reference.identities) == Attributes.of(after, now):
            yield path, before, after


def _is_edited(examination: Examination, path: str) -> bool:
    """Whether a file has another content than in the base.

    Of what was written to before the reference was taken, and what this account cannot read, nothing is known.
    """
    if path in examination.reference.tree.changes.after:
        return False
    before = base_md5(examination.chroot.base, path)
    return before is not None and examination.chroot.md5(path) != before


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    files: dict[str, Entry] = {}
    devices: dict[str, Entry] = {}
    for path, before, after in _kept(examination):
        if stat.S_ISREG(after.mode):
            files[path] = after
        elif before.device != after.device:
            devices[path] = after
    noted = not_ignored(examination, files, 2)
    edited = {path: entry for path, entry in noted.items() if _is_edited(examination, path)}
    yield from list_finding(examination, _NAME, _HEADLINE, edited, Severity.ERROR)
    yield from list_finding(examination, _NAME, _DEVICE_HEADLINE, not_ignored(examination, devices, 2), Severity.ERROR)


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False, is_wanted=unless_compat)
