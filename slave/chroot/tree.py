"""Trees of file system objects: reading them, and comparing two."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from piufarm.slave.chroot.interface import Changes, Entry

UNSEEN: Final = frozenset({"/proc", "/sys", "/dev"})  # mounts of ours in every chroot


def entry_of(status: os.stat_result, target: str | None) -> Entry:
    """Size and time count for regular files only: those of a directory tell how it is stored, not what it is."""
    regular = stat.S_ISREG(status.st_mode)
    return Entry(
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_size if regular else 0,
        target,
        status.st_mtime_ns if regular else 0,
        status.st_rdev,
    )


def index_tree(root: int, unseen: Collection[str] = ()) -> dict[str, Entry]:
    """Every object below the directory open as `root`, itself as `/`, but /proc, /sys, /dev and `unseen` directories.

    Raises OSError.
    """
    found = {"/": entry_of(os.fstat(root), None)}
    for path, parent, name in _walk(root, UNSEEN.union(unseen)):
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        target = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(status.st_mode) else None
        found[path] = entry_of(status, target)
    return found


def _walk(root: int, unseen: Collection[str]) -> Iterator[tuple[str, int, str]]:
    for directory, folders, files, descriptor in os.fwalk(".", dir_fd=root, follow_symlinks=False):
        above = directory[1:]
        folders[:] = [name for name in folders if f"{above}/{name}" not in unseen]
        for name in (*folders, *files):
            yield f"{above}/{name}", descriptor, name


def compare(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> Changes:
    """What differs between two complete trees."""
    return Changes(
        before={path: entry for path, entry in before.items() if after.get(path) != entry},
        after={path: entry for path, entry in after.items() if before.get(path) != entry},
    )


def made_to_show(shown: Collection[str], base: Mapping[str, Entry]) -> set[str]:
    """The directories that the base does not have and that others of the host are shown at or below."""
    paths = (f"{path}/" for path in shown)
    return {path[:end] for path in paths for end in range(1, len(path)) if path[end] == "/"} - base.keys()


def apart_from(changes: Changes, shown: Collection[str], base: Mapping[str, Entry]) -> Changes:
    """The changes without what lies at and below directories of the host, and without those made to hold them."""
    tops = tuple(f"{path}/" for path in shown)
    made = made_to_show(shown, base)

    def belongs(path: str) -> bool:
        return path not in made and not f"{path}/".startswith(tops)

    return Changes(
        before={path: entry for path, entry in changes.before.items() if belongs(path)},
        after={path: entry for path, entry in changes.after.items() if belongs(path)},
        rewritten=changes.rewritten,
        above=changes.above,
    )
