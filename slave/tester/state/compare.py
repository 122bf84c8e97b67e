"""The tree of one moment against that of a later one: what is new, gone or changed."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from piufarm.slave.chroot.interface import Changes, Entry
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.identities import Identities
from piufarm.slave.tester.state.tree import Tree

# What the name service of old init systems renumbers at will: /etc/rc2.d/S20name -> S21name is no difference.
_RC_LINK: Final = re.compile(r"(/etc/rc.\.d/)([SK])\d\d(.+)")
_APT_CLEAN: Final = re.compile(r"/var/cache/apt/(archives/([^/]*\.deb|partial/[^/]+)|(src)?pkgcache\.bin)")


class Attributes(NamedTuple):
    """What is compared of a path."""

    user: str
    group: str
    mode: str
    size: int | None  # of regular files
    target: str | None

    @classmethod
    def of(cls, entry: Entry, identities: Identities) -> Attributes:
        """The attributes of an entry, its owners named by the chroot's own files."""
        size = entry.size if stat.S_ISREG(entry.mode) else None
        mode = f"{stat.filemode(entry.mode)[0]} {entry.mode:o}"
        return cls(identities.user(entry.uid), identities.group(entry.gid), mode, size, entry.target)

    def __str__(self) -> str:
        return f"({self.user}, {self.group}, {self.mode}, {self.size}, {self.target and one_line(self.target)})"


class Change(NamedTuple):
    """A path whose attributes differ."""

    path: str
    expected: Attributes
    found: Attributes


@dataclass(frozen=True)
class Comparison:
    """Differences by path as logs write it (directories end in a slash); each mapping is sorted by path."""

    new: Mapping[str, Entry]
    removed: Mapping[str, Entry]
    modified: Mapping[str, Change]


NO_DIFFERENCES: Final = Comparison({}, {}, {})


def compare(
    earlier: Tree, later: Tree, before: Identities, after: Identities, *, every_link: bool = False
) -> Comparison:
    """All differences but those that `apt-get clean` would undo; ignore rules are applied by whoever reports them.

    `before` and `after` name the users and groups of either tree. Without `every_link`, links to directories are not
    compared, as the predecessor does not see them.
    """
    changes = earlier.differences(later)
    old = _recordable(changes.before, earlier, every_link)
    new = _recordable(changes.after, later, every_link)
    old, new = _without_renumbered_links(old, new)
    modified = _modified(old, new, before, after)
    untouched = _recordable(_of_renamed_owners(earlier, changes, before, after), earlier, every_link)
    modified |= _modified(untouched, untouched, before, after)
    return Comparison(
        new={path: new[path] for path in sorted(new.keys() - old.keys())},
        removed={path: old[path] for path in sorted(old.keys() - new.keys())},
        modified=dict(sorted(modified.items())),
    )


def _recordable(entries: Mapping[str, Entry], tree: Tree, every_link: bool) -> dict[str, Entry]:
    return {
        tree.key(path, entry): entry
        for path, entry in entries.items()
        if not _APT_CLEAN.fullmatch(path) and (every_link or not _leads_to_directory(path, entry, tree))
    }


def _leads_to_directory(path: str, entry: Entry, tree: Tree) -> bool:
    """Whether this is a link to a directory, which is not compared.

    The predecessor looks at where links lead from outside the chroot: relative ones inside it, absolute ones on the
    host. The base stands for the host here, so that verdicts do not depend on what else is installed there.
    """
    if entry.target is None:
        return False
    if entry.target.startswith("/"):
        return tree.base().resolves_to_directory(entry.target)
    return tree.resolves_to_directory(path)


def _without_renumbered_links(
    old: Mapping[str, Entry], new: Mapping[str, Entry]
) -> tuple[dict[str, Entry], dict[str, Entry]]:
    """Both sides without the runlevel links that differ in their number alone."""
    gone = _rc_names(old.keys() - new.keys())
    come = _rc_names(new.keys() - old.keys())
    dropped = {path for names, others in ((gone, come), (come, gone)) for path, name in names.items()
               if name in others.values()}
    return (
        {path: entry for path, entry in old.items() if path not in dropped},
        {path: entry for path, entry in new.items() if path not in dropped},
    )


def _rc_names(paths: Iterable[str]) -> dict[str, str]:
    """Path of a runlevel link -> its directory and name without letter and number."""
    matches = ((path, _RC_LINK.fullmatch(path)) for path in paths)
    return {path: match[1] + match[3] for path, match in matches if match}


def _modified(
    old: Mapping[str, Entry], new: Mapping[str, Entry], before: Identities, after: Identities
) -> dict[str, Change]:
    pairs = (
        Change(path, Attributes.of(old[path], before), Attributes.of(new[path], after))
        for path in old.keys() & new.keys()
    )
    return {change.path: change for change in pairs if change.expected != change.found}


def _of_renamed_owners(
    earlier: Tree, changes: Changes, before: Identities, after: Identities
) -> dict[str, Entry]:
    """Untouched paths whose owner's number now has another name, as after a user was removed or renamed."""
    users = {uid for uid in before.users.keys() | after.users.keys() if before.user(uid) != after.user(uid)}
    groups = {gid for gid in before.groups.keys() | after.groups.keys() if before.group(gid) != after.group(gid)}
    if not users and not groups:
        return {}
    return {
        path: entry
        for path, entry in earlier.items()
        if (entry.uid in users or entry.gid in groups) and path not in changes.before
    }
