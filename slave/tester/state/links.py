"""Broken symbolic links, found by looking only at links that a change can have touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from piufarm.slave.tester.state.tree import Tree


@dataclass(frozen=True)
class BrokenLink:
    """A symbolic link that leads nowhere, or in a circle."""

    path: str
    target: str
    is_loop: bool


class LinkIndex:
    """All links of a base: which are broken, and which paths decide about each."""

    def __init__(self, base: Tree) -> None:
        self._targets = dict(base.symlinks())
        self._deciding: dict[str, list[str]] = defaultdict(list)
        self._broken: dict[str, BrokenLink] = {}
        for path, target in self._targets.items():
            resolution = base.resolve(path)
            for visited in resolution.visited:
                self._deciding[visited].append(path)
            if not resolution.exists:
                self._broken[path] = BrokenLink(path, target, resolution.is_loop)

    def broken(self, tree: Tree) -> Mapping[str, BrokenLink]:
        """The broken links of the base as changed, by path."""
        changed = tree.changes.before.keys() | tree.changes.after.keys()
        suspects = {link for path in changed for link in self._deciding.get(path, ())}
        suspects.update(path for path, entry in tree.changes.after.items() if entry.target is not None)
        kept = {path: link for path, link in self._broken.items() if path not in suspects and path not in changed}
        return dict(sorted((kept | _broken_among(tree, suspects)).items()))


def _broken_among(tree: Tree, paths: Iterable[str]) -> dict[str, BrokenLink]:
    broken: dict[str, BrokenLink] = {}
    for path in paths:
        entry = tree.get(path)
        if entry is None or entry.target is None:
            continue
        resolution = tree.resolve(path)
        if not resolution.exists:
            broken[path] = BrokenLink(path, entry.target, resolution.is_loop)
    return broken
