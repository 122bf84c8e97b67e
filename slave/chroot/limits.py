"""What a chroot may use when nobody says otherwise."""

from __future__ import annotations

import os
from typing import Final

from piufarm.slave.chroot.interface import ChrootLimits

NO_LIMITS: Final = ChrootLimits(disk_bytes=0, memory_bytes=0, processes=0)

_GIB: Final = 1 << 30
_PROCESSES: Final = 2000


def default_limits() -> ChrootLimits:
    """Limits that large packages keep and that leave the host alive: shares of its memory, where the disk is, too."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return ChrootLimits(
        disk_bytes=_between(total // 3, _GIB, 16 * _GIB),
        memory_bytes=_between(total // 4, _GIB, 4 * _GIB),
        processes=_PROCESSES,
    )


def _between(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
