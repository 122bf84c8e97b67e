"""Chroots for root: the base below an overlay whose upper layer is a tmpfs in a mount namespace of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import Base, Changes, Chroot, ChrootLimits
from piufarm.slave.chroot.launch import chroot_name, launch
from piufarm.slave.chroot.supervised import SupervisedChroot
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.chroot.tree import compare
from piufarm.slave.chroot.upper import UpperLayer
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.proxy import proxy_for


@dataclass(frozen=True)
class OverlayBackend:
    """Needs root. `tmpdir` only gives the chroot its name in logs (and is hidden inside): nothing is created there."""

    tmpdir: Path
    network: NetworkAccess | None = None
    binds: tuple[Path, ...] = ()  # directories of the host, shown inside at the same place, read-only

    @contextmanager
    def open(self, base: Base, limits: ChrootLimits) -> Iterator[Chroot]:
        """A chroot that is gone, with every process, mount and directory of its own, when the block ends."""
        if os.geteuid() != 0:
            raise FarmError("the overlay backend needs root", hint="an unprivileged account uses --schroot NAME")
        if not self.tmpdir.is_dir():
            raise FarmError(f"not a directory: {self.tmpdir}", hint="give one with --tmpdir")
        name = chroot_name()
        start = launch(
            base=base.layers[-1], layers=base.layers[:-1], tmpdir=self.tmpdir.resolve(), name=name, limits=limits,
            binds=self.binds,
        )
        supervisor = Supervisor(start, serve=proxy_for(self.network))
        try:
            find_changes = partial(_changes, base)
            yield SupervisedChroot(str(self.tmpdir / name), base, supervisor, find_changes, access=self.network)
        finally:
            supervisor.close()


def _changes(base: Base, supervisor: Supervisor) -> Changes:
    """From the upper layer; from a walk of the whole tree if that is closed to us (no CAP_SYS_PTRACE on this host)."""
    try:
        top = os.open(f"/proc/{supervisor.host_pid}/fd/{supervisor.upper_fd}/upper", os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return compare(base.tree, supervisor.walk())
    try:
        return UpperLayer(base.tree).changes(top)
    finally:
        os.close(top)
