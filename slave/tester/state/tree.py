"""The tree of a chroot as base plus changes, and how paths resolve in it: no file system is touched."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from piufarm.slave.chroot.interface import Changes, Entry

_STEPS_MAX: Final = 1024  # components followed before a path counts as a loop
_UNSEEN: Final = ("/proc", "/dev")  # mounts of ours: whatever lies below them counts as existing
NO_CHANGES: Final = Changes(before={}, after={})


@dataclass(frozen=True)
class Resolution:
    """Where a path leads inside the chroot. `links` are the symbolic links followed, `visited` all paths looked at."""

    path: str
    exists: bool
    is_loop: bool
    links: tuple[tuple[str, str], ...]  # (path of the link, its target), each once, in order
    visited: frozenset[str]


class Tree:
    """All paths of a chroot with what they are. Directories have no trailing slash here; the root is `/`."""

    def __init__(self, base: Mapping[str, Entry], changes: Changes = NO_CHANGES) -> None:
        self._base = base
        self.changes = changes

    def get(self, path: str) -> Entry | None:
        """What the path is (the link itself, if it is one), or None."""
        entry = self.changes.after.get(path)
        if entry is not None:
            return entry
        return None if path in self.changes.before else self._base.get(path)

    def base(self) -> Tree:
        """The tree of the base image."""
        return Tree(self._base)

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Every path with what it is."""
        for path, entry in self._base.items():
            if path not in self.changes.before:
                yield path, entry
        yield from self.changes.after.items()

    def differences(self, later: Tree) -> Changes:
        """What is different in a later tree. Two trees of one base are compared where either has changed."""
        if self._base is not later._base:
            paths = {path for tree in (self, later) for path, _ in tree.items()}
        elif self.changes is NO_CHANGES:
            return later.changes
        else:
            changes = (self.changes, later.changes)
            paths = {path for change in changes for path in (*change.before, *change.after)}
        pairs = [(path, self.get(path), later.get(path)) for path in paths]
        return Changes(
            before={path: old for path, old, new in pairs if old is not None and old != new},
            after={path: new for path, old, new in pairs if new is not None and old != new},
        )

    def symlinks(self) -> Iterator[tuple[str, str]]:
        """Every symbolic link with its target."""
        return ((path, entry.target) for path, entry in self.items() if entry.target is not None)

    def resolve(self, path: str) -> Resolution:
        """Follow a path as a process inside the chroot would, every link included."""
        return _Walk(self).resolve(path)

    def resolves_to_directory(self, path: str) -> bool:
        """Whether the path is a directory, or a link that leads to one."""
        resolution = self.resolve(path)
        entry = self.get(resolution.path) if resolution.exists else None
        return entry is not None and stat.S_ISDIR(entry.mode)

    def key(self, path: str, entry: Entry) -> str:
        """The path as logs and ignore rules write it: directories end in a slash."""
        return f"{path}/" if stat.S_ISDIR(entry.mode) and path != "/" else path


class _Walk:
    """One resolution under way."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._links: dict[str, str] = {}
        self._visited: set[str] = set()

    def resolve(self, path: str) -> Resolution:
        todo = [part for part in reversed(path.split("/")) if part]
        here = ""
        steps = 0
        while todo:
            steps += 1
            if steps > _STEPS_MAX:
                return self._end(here, exists=False, is_loop=True)
            part = todo.pop()
            if part == ".":
                continue
            if part == "..":
                here = here.rpartition("/")[0]
                continue
            here = f"{here}/{part}"
            if here in _UNSEEN:
                return self._end("/".join([here, *reversed(todo)]), exists=True)
            entry = self._tree.get(here)
            self._visited.add(here)
            if entry is None:
                return self._end("/".join([here, *reversed(todo)]), exists=False)
            if entry.target is not None:
                self._links[here] = entry.target
                here = "" if entry.target.startswith("/") else here.rpartition("/")[0]
                todo += [part for part in reversed(entry.target.split("/")) if part]
            elif todo and not stat.S_ISDIR(entry.mode):
                return self._end("/".join([here, *reversed(todo)]), exists=False)
        return self._end(here or "/", exists=True)

    def _end(self, path: str, *, exists: bool, is_loop: bool = False) -> Resolution:
        return Resolution(path, exists, is_loop, tuple(self._links.items()), frozenset(self._visited))
