"""The command line that starts a supervisor."""

from __future__ import annotations

import secrets
from pathlib import Path

from piufarm.slave.chroot.cgroups import group_parents
from piufarm.slave.chroot.interface import ChrootLimits
from piufarm.slave.chroot.program import supervisor_text


def chroot_name() -> str:
    """A new name such as tmpab12cd34."""
    return f"tmp{secrets.token_hex(4)}"


def launch_words(*, base: Path, tmpdir: Path, name: str, limits: ChrootLimits, writable: bool = False) -> list[str]:
    """Perl's arguments. `writable`: the base itself becomes the root, to be prepared, instead of an overlay over it."""
    words = {
        "name": name,
        "mode": "direct" if writable else "overlay",
        "base": str(base),
        "tmpdir": str(tmpdir),
        "disk": str(limits.disk_bytes),
        "memory": str(limits.memory_bytes),
        "processes": str(limits.processes),
    }
    groups = group_parents() if limits.memory_bytes or limits.processes else []
    return [
        "/usr/bin/perl",
        "-e",
        supervisor_text(),
        *(f"{word}={value}" for word, value in words.items()),
        *(f"cgroup={parent.kind}:{parent.path}" for parent in groups),
    ]
