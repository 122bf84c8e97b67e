"""Files that a package installs below a directory that is really a symbolic link: dpkg cannot see them collide."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final, NamedTuple

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.owners import FileLists
from piufarm.slave.tester.state.tree import Resolution, Tree

_NAME: Final = "over-symlinks"


class _Collision(NamedTuple):
    path: str
    real: str
    links: tuple[tuple[str, str], ...]


def _is_usr_merge(directory: str, real: str) -> bool:
    merged = directory in ("/bin", "/sbin") or directory.startswith("/lib")
    return merged and real == f"/usr{directory}"


def _suspects(examination: Examination, tree: Tree) -> list[str]:
    """Paths of packages that the base does not have, and those of its own that lie below a new link."""
    lists, base = examination.lists.lists, examination.base.facts.lists.lists
    paths = {path for package, files in lists.items() if files is not base.get(package) for path in files}
    for link, entry in tree.changes.after.items():
        if entry.target is not None and tree.resolves_to_directory(link):
            paths.update(path for files in lists.values() for path in files if path.startswith(f"{link}/"))
    return sorted(paths)


def _collisions(examination: Examination) -> Iterable[_Collision]:
    tree = examination.tree()
    resolved: dict[str, Resolution] = {}
    for path in _suspects(examination, tree):
        directory, name = posixpath.split(path)
        if directory not in resolved:
            resolved[directory] = tree.resolve(directory)
            if _is_usr_merge(directory, resolved[directory].path):
                examination.log.info(f"{directory} converted to {resolved[directory].path} by /usr merge")
        real = resolved[directory].path
        if real != directory and not _is_usr_merge(directory, real):
            yield _Collision(path, posixpath.join(real, name), resolved[directory].links)


def _lines(collision: _Collision, lists: FileLists) -> Iterable[str]:
    path, real, links = collision
    shown = one_line(path), one_line(real)
    yield f"{shown[0]} ({', '.join(lists.owners(path))}) != {shown[1]} ({', '.join(lists.owners(real)) or '?'})"
    yield from (f"  {one_line(link)} -> {one_line(target)}" for link, target in links)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    lists = examination.lists
    collisions = list(_collisions(examination))
    if not collisions:
        return
    overwrites = any(lists.owns_any(collision.real) for collision in collisions)
    headline = (
        "FAIL: silently overwrites files via directory symlinks:"
        if overwrites
        else "installs objects over existing directory symlinks:"
    )
    text = "\n".join([headline, *(line for collision in collisions for line in _lines(collision, lists))])
    severity = Severity.INFO if examination.options.checks.warn_on_over_symlink else Severity.ERROR
    owners = sorted({owner for collision in collisions for owner in lists.owners(collision.path)})
    yield Finding(_NAME, severity, text, tuple(collision.path for collision in collisions), tuple(owners))


CHECK: Final = Check(_NAME, (Moment.BEFORE_REMOVAL,), _find)
