"""Chroots for root: the base below an overlay whose upper layer is a tmpfs in a mount namespace of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import Base, Chroot, ChrootLimits
from piufarm.slave.network.access import NetworkAccess


@dataclass(frozen=True)
class OverlayBackend:
    """Needs root. `tmpdir` only gives the chroot its name in logs (and is hidden inside): nothing is created there."""

    tmpdir: Path
    network: NetworkAccess | None = None

    def open(self, base: Base, limits: ChrootLimits) -> AbstractContextManager[Chroot]:
        """A chroot that is gone, with every process, mount and directory of its own, when the block ends."""
        raise FarmError("not built yet")
