"""Chroots on an unpacked base: it lies below an overlay whose upper layer is a tmpfs, or is copied to that tmpfs.

Either is in a mount namespace of its own, and for an account without rights in a user namespace of its own, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import Base, Changes, ChrootLimits
from piufarm.slave.chroot.launch import Room, chroot_name, launch
from piufarm.slave.chroot.own_range import COVERED, own_range
from piufarm.slave.chroot.supervised import Kind, SupervisedChroot
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.chroot.tree import compare
from piufarm.slave.chroot.upper import UpperLayer
from piufarm.slave.layers.stack import NO_LAYERS, Stack, composed, laid_over
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.plain import View, view
from piufarm.slave.network.proxy import proxy_for


@dataclass(frozen=True)
class OverlayBackend:
    """Needs root, or subordinate ids. `tmpdir` gives the chroot its name in logs: nothing is created there."""

    tmpdir: Path
    network: NetworkAccess | None = None
    binds: tuple[Path, ...] = ()  # directories of the host, shown inside at the same place, read-only
    copies: bool = False  # the base, in the place of an overlay over it
    stack: Stack = NO_LAYERS  # layers between the base and the chroot
    store: Path | None = None  # a directory on a disk, whose `upper` is the chroot's own layer and outlives it

    @contextmanager
    def open(self, base: Base, limits: ChrootLimits) -> Iterator[SupervisedChroot]:
        """A chroot that is gone, with every process, mount and directory of its own, when the block ends."""
        own = own_range()
        is_overlay = not self.copies and (own is None or _overlays_of_accounts_work())
        kind = Kind(is_overlay, own_range=own is not None)
        if not self.tmpdir.is_dir():
            raise FarmError(f"not a directory: {self.tmpdir}", hint="give one with --tmpdir")
        name = chroot_name()
        with self._plain_debs(name, kind) as view:
            network = self.network and replace(self.network, view=view)
            binds = (*self.binds, view.folder) if view else self.binds
            start = launch(
                base=base.layers[-1], layers=[*self.stack.paths, *base.layers[:-1]],
                tmpdir=COVERED if own else self.tmpdir.resolve(), name=name,
                limits=limits, binds=binds, copied=None if kind.is_overlay else Room.of(base.tree), own=own,
                store=self.store,
            )
            supervisor = Supervisor(start, serve=proxy_for(network))
            try:
                find_changes = _Changes(base, self.stack, self.store)
                path = str(self.tmpdir / name)
                yield SupervisedChroot(path, base, supervisor, find_changes, access=network, kind=kind, shown=binds)
            finally:
                supervisor.close()

    def _plain_debs(self, name: str, kind: Kind) -> AbstractContextManager[View | None]:
        """For root: accounts cannot show folders of theirs to their own range."""
        if self.network is None or kind.own_range:
            return nullcontext()
        return view(self.network.plain_debs, name, self.network.shared)

    def copying(self) -> OverlayBackend:
        """The same with a copy of the base."""
        return replace(self, copies=True, stack=NO_LAYERS)


def _overlays_of_accounts_work() -> bool:
    """Only with extended attributes of users on a tmpfs, which came with Linux 6.6, can they replace a directory."""
    major, minor = re.findall(r"\d+", os.uname().release)[:2]
    return (int(major), int(minor)) >= (6, 6)


@dataclass(frozen=True)
class _Changes:
    """Finds how a chroot differs from its base.

    From the upper layer; from a walk of the tree if there is none or it is closed to us (no CAP_SYS_PTRACE here).
    """

    base: Base
    stack: Stack
    store: Path | None

    def __call__(self, supervisor: Supervisor) -> Changes:
        if supervisor.upper_fd is None:
            return compare(self.base.tree, supervisor.walk())
        own = self.store or f"/proc/{supervisor.host_pid}/fd/{supervisor.upper_fd}"
        try:
            top = os.open(f"{own}/upper", os.O_RDONLY | os.O_DIRECTORY)
        except PermissionError:
            return compare(self.base.tree, supervisor.walk())
        try:
            changes = self._upper_layer.changes(top)
        finally:
            os.close(top)
        return composed(self.base.tree, self.stack.below, changes) if self.stack.paths else changes

    @cached_property
    def _upper_layer(self) -> UpperLayer:
        return UpperLayer(laid_over(self.base.tree, self.stack.below) if self.stack.paths else self.base.tree)
