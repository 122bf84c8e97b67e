"""Chroots for an unprivileged account: schroot makes it root, in namespaces that close with the test."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.interface import Base, Chroot, ChrootLimits
from piufarm.slave.network.access import NetworkAccess


@dataclass(frozen=True)
class SchrootBackend:
    """Opens bases that came from `schroot_base`; needs an account that is in the root-users of that schroot."""

    tmpdir: Path
    network: NetworkAccess | None = None

    def open(self, base: Base, limits: ChrootLimits) -> AbstractContextManager[Chroot]:
        """A chroot that is gone, with every process, mount and directory of its own, when the block ends."""
        raise FarmError("not built yet")


def schroot_base(name: str, *, network: NetworkAccess) -> PreparedBase:
    """The base that `piufarm slave setup-schroot` made under this name, with its metadata.

    Raises FarmError if there is none or it was made by something else.
    """
    raise FarmError("not built yet")
