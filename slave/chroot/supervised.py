"""A chroot as the tester sees it, whatever backend made it: requests go to its supervisor."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from piufarm.config.model import NetworkScope
from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import (
    Base,
    Changes,
    CommandLimits,
    CommandResult,
    Entry,
    Mark,
    OverlayFallsShort,
    Placement,
    Process,
)
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.chroot.terminal import Terminal
from piufarm.slave.chroot.tree import apart_from
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.debs import forget_what_apt_refused
from piufarm.slave.network.plain import VARIABLE
from piufarm.trouble import TroubleKind

_USUAL_LIMITS: Final = CommandLimits()
_CROSS_DEVICE: Final = os.strerror(errno.EXDEV).encode()
_NOT_PERMITTED: Final = os.strerror(errno.EPERM).encode()


class Kind(NamedTuple):
    """How a chroot was made, as far as it decides what can be done in there."""

    is_overlay: bool = True
    own_range: bool = False  # root in it is nobody outside


_USUAL_KIND: Final = Kind()


class SupervisedChroot:
    """Implements Chroot of the interface."""

    def __init__(
        self,
        root: str,
        base: Base,
        supervisor: Supervisor,
        find_changes: Callable[[Supervisor], Changes],
        *,
        access: NetworkAccess | None = None,
        kind: Kind = _USUAL_KIND,
        shown: Sequence[Path] = (),
    ) -> None:
        """`access`: what commands with network can reach. `shown`: directories of the host, see Launch."""
        self._shown = [str(path) for path in shown]
        self._kind = kind
        self._access = access
        self._root = root
        self._base = base
        self._supervisor = supervisor
        self._find_changes = find_changes

    @property
    def root(self) -> str:
        """The root's path as logs show it; it exists in no file system."""
        return self._root

    @property
    def base(self) -> Base:
        """What this chroot was made from."""
        return self._base

    @property
    def shown(self) -> Sequence[str]:
        """The directories of the host that are seen inside."""
        return self._shown

    @property
    def limited_by(self) -> tuple[str, ...]:
        """By which means of this host each limit is kept."""
        return self._supervisor.limited_by

    @property
    def host_pid(self) -> int:
        """The first process of the chroot, as the host numbers it."""
        return self._supervisor.host_pid

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        limits: CommandLimits = _USUAL_LIMITS,
        network: bool = False,
    ) -> CommandResult:
        """Run a command as root in the chroot; see the interface."""
        scope = self._access.scope if self._access is not None else NetworkScope.APT
        network = network or scope is not NetworkScope.APT
        view = self._access.view if self._access is not None else None
        if network and view is not None:
            env = {**env, VARIABLE: str(view.folder)}
        result = self._supervisor.run(argv, env=env, limits=limits, network=network, for_apt=scope is NetworkScope.APT)
        if network and result.status != 0 and self._access is not None:
            forget_what_apt_refused(result.output.decode("utf-8", "surrogateescape"), self._access)
        return replace(result, trouble=self._trouble_with(result)) if result.status != 0 else result

    def _trouble_with(self, result: CommandResult) -> FarmError | None:
        """Why the command may have failed only because of the way in which this chroot was made."""
        command = result.argv[0]
        if self._kind.is_overlay and _CROSS_DEVICE in result.output:
            said = _line_with(_CROSS_DEVICE, result.output)
            return OverlayFallsShort(f"{command} met a limit of overlays: {said}", hint="use --chroot-backend copy")
        if self._kind.own_range and _NOT_PERMITTED in result.output:
            said = _line_with(_NOT_PERMITTED, result.output)
            hint = "test this package as root, or with --schroot NAME"
            words = f"{command} was refused what only real root may do, such as making device nodes: {said}"
            return FarmError(words, hint=hint, kind=TroubleKind.CHROOT)
        return None

    def put(self, path: str, content: bytes | BinaryIO, *, mode: int = 0o644) -> None:
        """Write a file as root; a symbolic link in its place is replaced. Raises Refused."""
        self._supervisor.put(path, content, mode=mode)

    def read(self, path: str) -> bytes | None:
        """A regular file's content, resolved inside the chroot; see the interface."""
        return self._supervisor.read(path)

    def md5(self, path: str) -> str | None:
        """The MD5 sum of a regular file's content; see the interface."""
        return self._supervisor.md5(path)

    def remove(self, path: str) -> None:
        """Remove a file or link if it is there. Raises Refused."""
        self._supervisor.remove(path)

    def exists(self, path: str) -> bool:
        """Whether there is something at `path`, be it a dangling link."""
        return bool(self._supervisor.entries([path]))

    def processes(self) -> Sequence[Process]:
        """The processes in the chroot but the supervisor."""
        return self._supervisor.processes()

    def kill_processes(self) -> None:
        """Kill them all and wait until they are gone."""
        self._supervisor.kill_processes()

    def changes(self) -> Changes:
        """How the tree differs from the base."""
        changes = self._find_changes(self._supervisor)
        return apart_from(changes, self._shown, self._base.tree) if self._shown else changes

    def attributes(self, paths: Iterable[str]) -> Mapping[str, Mapping[str, bytes]]:
        """The extended attributes of those paths that have any."""
        return self._supervisor.attributes(paths)

    def entries(self, paths: Sequence[str]) -> Mapping[str, Entry]:
        """The present Entry of each of these paths that exists."""
        return self._supervisor.entries(paths)

    def converse(self, argv: Sequence[str], *, env: Mapping[str, str], terminal: Terminal) -> None:
        """Run a command that a person talks to; returns when it has ended."""
        self._supervisor.converse(argv, env=env, terminal=terminal)

    def history(self) -> Sequence[Mark]:
        """What ran in this chroot, in order; nothing where the host cannot tell."""
        return self._supervisor.history()

    def placements(self, paths: Sequence[str]) -> Mapping[str, Placement]:
        """When these paths were made and changed, as far as the upper layer holds them."""
        return self._supervisor.placements(paths)


def _line_with(words: bytes, output: bytes) -> str:
    line = next(line for line in output.splitlines() if words in line)
    return line.decode("utf-8", "backslashreplace").strip()
