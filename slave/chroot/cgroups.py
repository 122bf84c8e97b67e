"""Where control groups of a test may be made, as this process sees the mounts; made and joined by the launcher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

_V1_LIMITS: Final = {"memory": "v1memory", "pids": "v1pids"}


class GroupParent(NamedTuple):
    """A directory of a cgroup file system in which the launcher makes this test's group."""

    kind: str  # v2, v1memory or v1pids
    path: str


class _Mount(NamedTuple):
    root: str  # the part of the hierarchy that is mounted
    point: str
    kind: str
    options: frozenset[str]


def group_parents(
    mountinfo: Path = Path("/proc/self/mountinfo"), own: Path = Path("/proc/self/cgroup")
) -> list[GroupParent]:
    """Version 2 first if its root has the controllers; of version 1 the groups that this process is in.

    Version 2 allows limits only below a group that holds no processes: in practice its root. Formats: proc(5),
    cgroups(7).
    """
    memberships = _memberships(own.read_text())
    parents: list[GroupParent] = []
    for mount in _mounts(mountinfo.read_text()):
        if mount.kind == "cgroup2" and _controllers(mount.point) >= {"memory", "pids"}:
            parents.insert(0, GroupParent("v2", mount.point))
        for controller, kind in _V1_LIMITS.items():
            if mount.kind == "cgroup" and controller in mount.options:
                parents.append(GroupParent(kind, _below(mount, memberships.get(controller, "/"))))
    return parents


def _controllers(point: str) -> set[str]:
    try:
        return set((Path(point) / "cgroup.controllers").read_text().split())
    except OSError:
        return set()


def _memberships(text: str) -> Mapping[str, str]:
    """Controller -> path of this process's group."""
    found = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), path))
    return found


def _below(mount: _Mount, path: str) -> str:
    """The group's directory; the mount's own top if the group lies outside what is mounted."""
    group = PurePosixPath(path)
    if not group.is_relative_to(mount.root) or ".." in group.parts:
        return mount.point
    return str(PurePosixPath(mount.point) / group.relative_to(mount.root))


def _mounts(text: str) -> Iterator[_Mount]:
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(), after.split()
        if len(fields) >= 5 and len(rest) >= 3:
            yield _Mount(_unescape(fields[3]), _unescape(fields[4]), rest[0], frozenset(rest[2].split(",")))


def _unescape(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field
