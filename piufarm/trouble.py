"""What kept a test from saying anything about its package, in one word."""

from __future__ import annotations

from enum import StrEnum


class TroubleKind(StrEnum):
    """Our own trouble, never the package's fault. `LOST` is the master's word for a lease that nobody renewed."""

    NETWORK = "network"
    MIRROR = "mirror"
    DISK = "disk"
    CHROOT = "chroot"
    TIMEOUT = "timeout"
    KILLED = "killed"
    OTHER = "other"
    LOST = "lost"
