"""The environment of every command in a chroot: built from nothing, so that nothing of the host's leaks in."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CHROOT_ENVIRONMENT: Final = MappingProxyType(
    {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "DEBIAN_FRONTEND": "noninteractive",
        "DPKG_COLORS": "never",
    }
)
