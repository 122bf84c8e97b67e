"""File capabilities, access lists and other extended attributes that paths of the reference have got or lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.checks.check import Check, Moment, unless_compat
from piufarm.slave.tester.checks.listing import not_ignored
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.base_content import base_attributes

_NAME: Final = "extended-attributes"
_HEADLINE: Final = "FAIL: After purging files have other capabilities or extended attributes:"
_CAPABILITY: Final = "security.capability"
_CAPABILITY_SIZE: Final = 20  # struct vfs_cap_data of linux/capability.h; with an owner of the namespace 4 more
_BY_THE_KERNEL: Final = ("security.selinux", "security.ima", "security.evm")


def _candidates(examination: Examination) -> list[str]:
    """Paths of the base, not touched before the reference was taken, that the test may have touched."""
    reference, tree = examination.reference.tree, examination.tree()
    base, changes = examination.chroot.base.tree, tree.changes
    paths = base.keys() if changes.rewritten is None else changes.after.keys() | changes.rewritten
    return sorted(path for path in paths if path in base and path not in reference.changes.after and tree.get(path))


def _meaning(name: str, value: bytes | None) -> bytes | None:
    """What a value says. A capability seen from another user namespace also says whose root it is meant for."""
    if name != _CAPABILITY or value is None or len(value) < _CAPABILITY_SIZE:
        return value
    flags, sets = value[:1], value[4:_CAPABILITY_SIZE]
    return flags + sets


def _differences(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterable[str]:
    for name in sorted(before.keys() | after.keys()):
        if name in _BY_THE_KERNEL or _meaning(name, before.get(name)) == _meaning(name, after.get(name)):
            continue
        if name not in after:
            yield f"{one_line(name)} is gone"
        else:
            yield f"{one_line(name)} is {'another' if name in before else 'new'}"


def _changed(examination: Examination) -> Iterator[tuple[str, Entry, str]]:
    """Paths as logs write them, with what is different about them."""
    tree = examination.tree()
    paths = _candidates(examination)
    present = examination.chroot.attributes(paths)
    for path in paths:
        before = base_attributes(examination.chroot.base, path)
        words = "" if before is None else ", ".join(_differences(before, present.get(path, {})))
        if words and (entry := tree.get(path)):
            yield tree.key(path, entry), entry, words


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    changed = list(_changed(examination))
    found = not_ignored(examination, {path: entry for path, entry, _ in changed}, 2)
    if found:
        owners = {owner for path in found for owner in examination.lists.owners(path)}
        lines = [f"{one_line(path)}: {words}" for path, _, words in changed if path in found]
        text = "\n".join([_HEADLINE, *lines])
        yield Finding(_NAME, Severity.ERROR, text, tuple(found), tuple(sorted(owners)))


CHECK: Final = Check(_NAME, (Moment.COMPARED,), _find, ends_the_test=False, is_wanted=unless_compat)
