"""What a backend offers to the tester. Paths inside a chroot are absolute `str`, odd bytes as surrogate escapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from piufarm.errors import FarmError
from piufarm.trouble import TroubleKind

if TYPE_CHECKING:
    from piufarm.slave.chroot.terminal import Terminal


class Refused(FarmError):
    """What was asked cannot be done in the chroot as it is; `errno` says why. It may be the package's doing."""

    usual_kind = TroubleKind.CHROOT

    def __init__(self, message: str, errno: int) -> None:
        super().__init__(message)
        self.errno = errno


class OverlayFallsShort(FarmError):
    """A command failed as it does where overlays reach their limits; a copy of the base has none."""

    usual_kind = TroubleKind.CHROOT


class Limit(StrEnum):
    """A limit of ours that ended a command."""

    TIME = "time"
    TEST_TIME = "test time"  # of all commands of a chroot together
    OUTPUT = "output"
    MEMORY = "memory"
    PROCESSES = "processes"
    DISK = "disk"


@dataclass(frozen=True)
class CommandLimits:
    """What one command in a chroot may use."""

    seconds: float = 3600
    output_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True)
class ChrootLimits:
    """What a whole chroot may use; 0 switches a limit off."""

    disk_bytes: int
    memory_bytes: int
    processes: int
    seconds: float = 0  # from its beginning on


@dataclass(frozen=True)
class CommandResult:
    """A command that ran in a chroot; `status` is its exit status, or -N after signal N; output is both streams."""

    argv: tuple[str, ...]
    status: int
    output: bytes
    seconds: float
    stopped_by: Limit | None = None
    trouble: FarmError | None = None  # it may have failed because of the way in which the chroot was made


class Process(NamedTuple):
    """A process inside the chroot, the supervisor excluded."""

    pid: int
    ppid: int
    uid: int
    command: str
    executable: str


class Entry(NamedTuple):
    """A file system object: what the comparison before and after looks at. `mode` is st_mode, type included."""

    mode: int
    uid: int
    gid: int
    size: int
    target: str | None  # of a symbolic link
    mtime_ns: int
    device: int  # st_rdev of a device node


class MarkKind(StrEnum):
    """What began or ended at a mark."""

    COMMAND = "c"
    COMMAND_ENDED = "d"
    SCRIPT = "s"
    SCRIPT_ENDED = "e"


class Mark(NamedTuple):
    """A moment of a chroot's history, and which packages' scripts had left processes running by then.

    Objects that were made later have a greater inode number in the upper layer, objects changed later no smaller time.
    """

    kind: MarkKind
    inode: int  # 0: nobody knows when that was
    time_ns: int
    package: str  # of a script
    text: str  # the script with its first argument, such as `postinst configure`; of a command the program
    strays: tuple[str, ...]  # `?` is a process that does not say where it comes from


class Placement(NamedTuple):
    """When an object of the upper layer was made and changed; of a directory also when its content changed last."""

    inode: int
    changed_ns: int
    content_ns: int


@dataclass(frozen=True)
class Changes:
    """How the tree differs from the base: only paths whose Entry differs or that exist on one side alone.

    Keys are absolute paths; directories have no trailing slash here. Excluded: /proc, /sys, /dev and mounts of ours.
    """

    before: Mapping[str, Entry]  # of removed and modified paths
    after: Mapping[str, Entry]  # of new and modified paths
    # Paths that were written to although their Entry is as before; None: this backend cannot tell.
    rewritten: frozenset[str] | None = field(default=None, compare=False)
    # Of a chroot on ready layers: all that was written above them, or removed; None: there are no layers.
    above: frozenset[str] | None = field(default=None, compare=False)


class Chroot(Protocol):
    """A throw-away root with its supervisor running."""

    @property
    def root(self) -> str:
        """The root's path as logs show it, such as /tmp/tmpab12cd34."""
        ...

    @property
    def base(self) -> Base: ...

    @property
    def shown(self) -> Sequence[str]:
        """The directories of the host that are seen inside: no part of the root."""
        ...

    @property
    def host_pid(self) -> int:
        """The first process of the chroot, as the host numbers it: by it root can enter, and see the root."""
        ...

    def converse(self, argv: Sequence[str], *, env: Mapping[str, str], terminal: Terminal) -> None:
        """Run a command that a person talks to; returns when it has ended. Raises Refused."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        limits: CommandLimits = CommandLimits(),
        network: bool = False,
    ) -> CommandResult:
        """Run a command as root in the chroot, cwd /, stdin /dev/null; `network` lets apt reach the mirrors.

        Raises FarmError if the chroot or its supervisor is gone.
        """
        ...

    def put(self, path: str, content: bytes | BinaryIO, *, mode: int = 0o644) -> None:
        """Write a file as root; never follows a symbolic link out of the chroot. Raises Refused."""
        ...

    def read(self, path: str) -> bytes | None:
        """A regular file's content, resolved inside the chroot; None if there is none, or it is over 64 MiB."""
        ...

    def md5(self, path: str) -> str | None:
        """The MD5 sum of a regular file's content; None if there is none, or it is over 16 GiB."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file or link if it is there. Raises Refused, for a directory, too."""
        ...

    def exists(self, path: str) -> bool: ...
    def processes(self) -> Sequence[Process]: ...
    def kill_processes(self) -> None: ...
    def changes(self) -> Changes: ...
    def attributes(self, paths: Iterable[str]) -> Mapping[str, Mapping[str, bytes]]:
        """The extended attributes, by name, of those paths (links are not followed) that have any.

        File capabilities are the one named security.capability.
        """
        ...

    def entries(self, paths: Sequence[str]) -> Mapping[str, Entry]:
        """The present Entry (lstat) of each of these paths that exists."""
        ...

    def history(self) -> Sequence[Mark]:
        """What ran in this chroot, in order; nothing where the host cannot tell."""
        ...

    def placements(self, paths: Sequence[str]) -> Mapping[str, Placement]:
        """Of those among these paths that the upper layer holds; no link is followed."""
        ...


class Base(Protocol):
    """A base image, prepared: packages lists in place, upgraded, its tree indexed once."""

    @property
    def base_id(self) -> str:
        """Identifies the content, for the result and the reproduce line."""
        ...

    @property
    def root(self) -> Path:
        """The unpacked tree on the host (readable by root; by the slave account only as far as modes allow).

        Of a base in layers, the part of it that testers read: what apt and dpkg keep, and /etc.
        """
        ...

    @property
    def layers(self) -> Sequence[Path]:
        """The directories that make up the tree, topmost first."""
        ...

    @property
    def tree(self) -> Mapping[str, Entry]: ...
    @property
    def packages(self) -> Mapping[str, str]:
        """Installed packages (name, or name:arch for Multi-Arch: same) with version, in the base."""
        ...


class Backend(Protocol):
    """A way of making chroots from a base."""

    def open(self, base: Base, limits: ChrootLimits) -> AbstractContextManager[Chroot]:
        """A chroot that is gone, with every process, mount and directory of its own, when the block ends.

        Its commands end with OverlayFallsShort as their trouble where only a copy of the base will do.
        """
        ...

    def copying(self) -> Backend:
        """The same, but for a full copy of the base in the place of an overlay over it."""
        ...
