"""Layers that lie on a base, and how a tree above them differs from the base: the base stays what is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.slave.chroot.interface import Changes, Entry


@dataclass(frozen=True)
class Stack:
    """Layers between a base and a chroot; `below` is what all of them together change."""

    paths: tuple[Path, ...]  # topmost first
    below: Changes


NO_LAYERS: Final = Stack((), Changes(before={}, after={}, rewritten=frozenset()))


def laid_over(tree: Mapping[str, Entry], changes: Changes) -> dict[str, Entry]:
    """A tree with changes."""
    changed = dict(tree)
    for path in changes.before:
        changed.pop(path, None)
    changed.update(changes.after)
    return changed


def composed(base: Mapping[str, Entry], below: Changes, above: Changes) -> Changes:
    """How a tree differs from the base if layers change that by `below`, and what lies on them by `above`."""
    now: dict[str, Entry | None] = dict.fromkeys(below.before)
    now.update(below.after)
    now.update(dict.fromkeys(above.before))
    now.update(above.after)
    same = {path for path, entry in now.items() if entry is not None and base.get(path) == entry}
    rewritten = (below.rewritten or frozenset()) | (above.rewritten or frozenset())
    return Changes(
        before={path: base[path] for path in now if path in base and path not in same},
        after={path: entry for path, entry in now.items() if entry is not None and path not in same},
        rewritten=frozenset(same | {path for path in rewritten if path in base and path not in now}),
        above=frozenset(above.before.keys() | above.after.keys() | (above.rewritten or frozenset())),
    )
