"""What an overlay's upper layer says about a tree: read in time that grows with what was changed.

Marks in the layer (Linux, Documentation/filesystems/overlayfs.rst): a character device 0:0 hides a name of the
base; a directory with `opaque` hides the base's whole directory; one with `redirect` continues a directory that lies
elsewhere in the base, because it was renamed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Final

from piufarm.slave.chroot.interface import Changes, Entry
from piufarm.slave.chroot.tree import UNSEEN, entry_of

_OPAQUE: Final = "trusted.overlay.opaque"
_REDIRECT: Final = "trusted.overlay.redirect"
_DEPTH_MAX: Final = 200  # open directories; what is deeper is told by its top


class UpperLayer:
    """Compares an upper layer with the index of the base below it."""

    def __init__(self, base: Mapping[str, Entry]) -> None:
        self._base = base
        self._children: dict[str, list[str]] = {}
        for path in base:
            above, _, name = path.rpartition("/")
            if name:
                self._children.setdefault(above or "/", []).append(name)

    def changes(self, upper: int) -> Changes:
        """What the layer whose top is open as `upper` changes. Raises OSError if it cannot be read."""
        after: dict[str, Entry] = {}
        before: dict[str, Entry] = {}
        root = entry_of(os.fstat(upper), None)
        if root != self._base.get("/"):
            before["/"], after["/"] = self._base["/"], root
        self._merge(upper, "/", "/", before, after, 0)
        return Changes(
            before={path: entry for path, entry in before.items() if after.get(path) != entry},
            after={path: entry for path, entry in after.items() if before.get(path) != entry},
            rewritten=frozenset(path for path, entry in after.items() if before.get(path) == entry),
        )

    def _merge(
        self, upper: int, path: str, lower: str | None, before: dict[str, Entry], after: dict[str, Entry], depth: int
    ) -> None:
        """Note what is in the directory `path`; `lower` is the base's directory that shows through, if any."""
        seen = set()
        for name in os.listdir(upper):
            seen.add(name)
            child = _join(path, name)
            if child in UNSEEN:
                continue
            entry = _entry_at(upper, name)
            if entry is None or (stat.S_ISCHR(entry.mode) and entry.device == 0):
                self._note_base(child, child, before)
                continue
            after[child] = entry
            if child in self._base:
                before[child] = self._base[child]
            if not stat.S_ISDIR(entry.mode):
                self._note_below(child, child, before)
            elif depth < _DEPTH_MAX:
                self._descend(upper, child, lower, before, after, depth)
        self._note_untouched(path, lower, seen, before, after)

    def _descend(
        self, upper: int, child: str, lower: str | None, before: dict[str, Entry], after: dict[str, Entry], depth: int
    ) -> None:
        name = child.rpartition("/")[2]
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=upper)
        except OSError:
            self._note_below(child, child, before)  # a process of the test has just removed or replaced it
            return
        try:
            self._merge(descriptor, child, self._lower_of(descriptor, name, lower), before, after, depth + 1)
        finally:
            os.close(descriptor)

    def _lower_of(self, descriptor: int, name: str, lower: str | None) -> str | None:
        """The base's directory that an upper directory continues."""
        marks = os.listxattr(descriptor)
        if _REDIRECT in marks:
            target = os.fsdecode(os.getxattr(descriptor, _REDIRECT))
            if target.startswith("/"):
                return target
            return _join(lower, target) if lower is not None else None
        if lower is None or (_OPAQUE in marks and os.getxattr(descriptor, _OPAQUE) == b"y"):
            return None
        below = _join(lower, name)
        entry = self._base.get(below)
        return below if entry is not None and stat.S_ISDIR(entry.mode) else None

    def _note_untouched(
        self, path: str, lower: str | None, seen: set[str], before: dict[str, Entry], after: dict[str, Entry]
    ) -> None:
        """Names of the base that the layer does not mention: the same as ever, hidden, or come from elsewhere."""
        if lower == path:
            return
        for name in self._children.get(path, ()):
            self._note_base(_join(path, name), _join(path, name), before)
        for name in self._children.get(lower, ()) if lower is not None else ():
            if name not in seen:
                self._note_base(_join(lower or "/", name), _join(path, name), after)

    def _note_base(self, source: str, path: str, into: dict[str, Entry]) -> None:
        """The base's object at `source`, with all below, shown at `path`."""
        if source in self._base:
            into[path] = self._base[source]
            self._note_below(source, path, into)

    def _note_below(self, source: str, path: str, into: dict[str, Entry]) -> None:
        pending = [(source, path)]
        while pending:
            source, path = pending.pop()
            for name in self._children.get(source, ()):
                below = (_join(source, name), _join(path, name))
                into[below[1]] = self._base[below[0]]
                pending.append(below)


def _entry_at(upper: int, name: str) -> Entry | None:
    """The object of this name; None if a process of the test has just removed it."""
    try:
        status = os.stat(name, dir_fd=upper, follow_symlinks=False)
        return entry_of(status, os.readlink(name, dir_fd=upper) if stat.S_ISLNK(status.st_mode) else None)
    except OSError:
        return None


def _join(directory: str, name: str) -> str:
    return f"{directory}{name}" if directory == "/" else f"{directory}/{name}"
