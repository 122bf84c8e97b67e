"""A base and a chroot in memory: what the tester's parts are tested on."""

from __future__ import annotations

import errno
import hashlib
import io
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from piufarm.slave.chroot.interface import (
    Changes,
    CommandLimits,
    CommandResult,
    Entry,
    Limit,
    Mark,
    Placement,
    Process,
    Refused,
)
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.inputs import Group, TestedPackage
from piufarm.slave.tester.output.log import TestLog


class Node(NamedTuple):
    """An object in the tree with its content."""

    entry: Entry
    content: bytes = b""


def file(content: bytes | str = b"", *, mode: int = 0o644, uid: int = 0, gid: int = 0) -> Node:
    """A regular file."""
    data = content.encode() if isinstance(content, str) else content
    return Node(Entry(stat.S_IFREG | mode, uid, gid, len(data), None, 0, 0), data)


def directory(*, mode: int = 0o755, uid: int = 0) -> Node:
    """A directory."""
    return Node(Entry(stat.S_IFDIR | mode, uid, 0, 0, None, 0, 0))


def link(target: str) -> Node:
    """A symbolic link."""
    return Node(Entry(stat.S_IFLNK | 0o777, 0, 0, 0, target, 0, 0))


def with_parents(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes and all directories above them."""
    whole = {"/": directory()}
    for path in sorted(nodes):
        parts = path.split("/")[1:-1]
        for depth in range(1, len(parts) + 1):
            whole.setdefault("/" + "/".join(parts[:depth]), directory())
        whole[path] = nodes[path]
    return whole


SMALL_BASE = {
    "/etc/passwd": file("root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\n"),
    "/etc/group": file("root:x:0:\ndaemon:x:1:\n"),
    "/etc/issue": file("Debian\n"),
    "/usr/bin/sh": file("shell", mode=0o755),
    "/bin": link("usr/bin"),
    "/opt": directory(),
    "/tmp": directory(mode=0o1777),
    "/var/lib/dpkg/diversions": file("/bin/sh\n/bin/sh.distrib\ndash\n"),
    "/var/lib/dpkg/info/base-files.list": file("/.\n/etc\n/etc/issue\n/usr\n/usr/bin\n"),
    "/var/lib/dpkg/info/dash.list": file("/.\n/bin\n/bin/sh\n"),
    "/var/lib/dpkg/info/dash.md5sums": file("2591c98b70119fe624898b1e424b5e91  bin/sh\n"),
}


@dataclass
class MemoryBase:
    """A base whose dpkg database also lies on disk, below `root`, where the tester reads it."""

    root: Path
    nodes: Mapping[str, Node]
    packages: Mapping[str, str] = field(default_factory=lambda: {"base-files": "12", "dash": "0.5"})
    base_id: str = "memory"

    def __post_init__(self) -> None:
        self.tree = {path: node.entry for path, node in self.nodes.items()}
        self.layers = [self.root]
        for path, node in self.nodes.items():
            if stat.S_ISREG(node.entry.mode):
                place = self.root / path[1:]
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(node.content)


Answer = Callable[["MemoryChroot", tuple[str, ...]], CommandResult | None]


def answered(argv: Sequence[str], output: str = "", status: int = 0, stopped_by: Limit | None = None) -> CommandResult:
    """A command's result."""
    return CommandResult(tuple(argv), status, output.encode(), 0.0, stopped_by)


class MemoryChroot:
    """Implements Chroot. Commands are answered by `answers`, the first that does not return None; else by silence."""

    root = "/tmp/tmpmemory"
    host_pid = 1
    shown = ()

    def __init__(self, base: MemoryBase, *answers: Answer) -> None:
        self.base = base
        self.nodes = dict(base.nodes)
        self.commands: list[tuple[str, ...]] = []
        self.running: list[Process] = []
        self.xattrs: dict[str, dict[str, bytes]] = {}  # extended attributes by path and name
        self.environment: dict[str, str] = {}
        self.obstructed: set[str] = set()  # directories in the place of files of ours
        self._answers = answers
        self.marks: list[Mark] = []
        self.places: dict[str, Placement] = {}

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        limits: CommandLimits | None = None,
        network: bool = False,
    ) -> CommandResult:
        words = tuple(argv)
        self.commands.append(words)
        self.environment = dict(env)
        for answer in self._answers:
            result = answer(self, words)
            if result is not None:
                return result
        return answered(words)

    def add(self, nodes: Mapping[str, Node]) -> None:
        """Add or replace objects, with the directories above them."""
        for path, node in with_parents(nodes).items():
            if path in nodes or path not in self.nodes:
                self.nodes[path] = node

    def put(self, path: str, content: bytes | BinaryIO, *, mode: int = 0o644) -> None:
        if path in self.obstructed:
            raise Refused(f"write {path}: File exists", errno.EEXIST)
        self.add({path: file(content if isinstance(content, bytes) else content.read(), mode=mode)})

    def read(self, path: str) -> bytes | None:
        for prefix, target in (("/bin/", "/usr/bin/"), ("", "")):
            node = self.nodes.get(path.replace(prefix, target, 1) if path.startswith(prefix) else path)
            if node is not None and stat.S_ISREG(node.entry.mode):
                return node.content
        return None

    def md5(self, path: str) -> str | None:
        content = self.read(path)
        return None if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()

    def remove(self, path: str) -> None:
        if path in self.nodes and path in self.obstructed:
            raise Refused(f"remove {path}: Is a directory", errno.EISDIR)
        self.nodes.pop(path, None)

    def exists(self, path: str) -> bool:
        return path in self.nodes

    def processes(self) -> Sequence[Process]:
        return self.running

    def kill_processes(self) -> None:
        self.running = []

    def changes(self) -> Changes:
        before = self.base.tree
        after = {path: node.entry for path, node in self.nodes.items()}
        return Changes(
            before={path: entry for path, entry in before.items() if after.get(path) != entry},
            after={path: entry for path, entry in after.items() if before.get(path) != entry},
        )

    def attributes(self, paths: Iterable[str]) -> Mapping[str, Mapping[str, bytes]]:
        return {path: self.xattrs[path] for path in paths if path in self.xattrs}

    def entries(self, paths: Sequence[str]) -> Mapping[str, Entry]:
        return {path: self.nodes[path].entry for path in paths if path in self.nodes}

    def converse(self, argv: Sequence[str], *, env: Mapping[str, str], terminal: object) -> None:
        self.commands.append(tuple(argv))

    def history(self) -> Sequence[Mark]:
        return self.marks

    def placements(self, paths: Sequence[str]) -> Mapping[str, Placement]:
        return {path: self.places[path] for path in paths if path in self.places}


class MemoryBackend:
    """Implements Backend: hands out one chroot."""

    def __init__(self, chroot: MemoryChroot) -> None:
        self.chroot = chroot
        self.is_open = False

    @contextmanager
    def open(self, base: object, limits: object) -> Iterator[MemoryChroot]:
        self.is_open = True
        try:
            yield self.chroot
        finally:
            self.is_open = False


@dataclass
class Bench:
    """An examination on a chroot in memory, and what it logs."""

    examination: Examination
    chroot: MemoryChroot
    output: io.BytesIO

    @property
    def log(self) -> list[str]:
        """The log, line by line, without the times."""
        lines = self.output.getvalue().decode().split("\n")
        return [line.partition(" ")[2] if line[:1].isdigit() else line for line in lines]


def bench(
    tmp_path: Path,
    *answers: Answer,
    options: Options | None = None,
    base: Mapping[str, Node] | None = None,
    packages: Sequence[str] = ("probe",),
) -> Bench:
    """An examination of packages (by name) on a small base, or the one given."""
    memory = MemoryBase(tmp_path / "base", with_parents(SMALL_BASE if base is None else base))
    chroot = MemoryChroot(memory, *answers)
    output = io.BytesIO()
    group = Group(tuple(TestedPackage(name, name) for name in packages))
    chosen = options or Options(operands=tuple(packages), apt=True)
    return Bench(Examination(chroot, group, chosen, TestLog([output])), chroot, output)
