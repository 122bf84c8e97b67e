"""What a chroot may use when nobody says otherwise."""

from __future__ import annotations

from typing import Final

from piufarm.slave.chroot.interface import ChrootLimits

NO_LIMITS: Final = ChrootLimits(disk_bytes=0, memory_bytes=0, processes=0)


def default_limits() -> ChrootLimits:
    """Limits that a large package keeps and that leave the host alive: shares of its memory, 2000 processes."""
    return ChrootLimits(disk_bytes=4 << 30, memory_bytes=4 << 30, processes=2000)
