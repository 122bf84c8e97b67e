"""Debian and Ubuntu: which suite, components and keyring are usual there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OS_RELEASE: Final = ("etc/os-release", "usr/lib/os-release")


@dataclass(frozen=True)
class Flavour:
    """What --defaults stands for."""

    suite: str  # the one under development
    components: tuple[str, ...]
    keyring: Path


FLAVOURS: Final[Mapping[str, Flavour]] = {
    "debian": Flavour(
        "sid",
        ("main", "contrib", "non-free", "non-free-firmware"),
        Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    ),
    "ubuntu": Flavour(
        "devel",
        ("main", "universe", "restricted", "multiverse"),
        Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg"),
    ),
}


def flavour(name: str | None, root: Path = Path("/")) -> Flavour:
    """The flavour of that name; without one that of the host, as its os-release says; else Debian."""
    if name is not None:
        return FLAVOURS[name]
    for candidate in _os_names(root):
        if candidate in FLAVOURS:
            return FLAVOURS[candidate]
    return FLAVOURS["debian"]


def _os_names(root: Path) -> list[str]:
    """The names that the host goes by, its own before those of its relatives."""
    for path in _OS_RELEASE:
        file = root / path
        if file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            fields = dict(line.split("=", 1) for line in lines if "=" in line)
            return [word for key in ("ID", "ID_LIKE") for word in fields.get(key, "").strip("\"'").lower().split()]
    return []
