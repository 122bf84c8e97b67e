"""What makes an archive trustworthy: keyrings, whether unsigned is fine, whether an expiry date counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.archive.errors import NoMirror
from piufarm.archive.mirror import default_mirror
from piufarm.config.model import Section

_KEYRING_SUFFIXES: Final = (".gpg", ".pgp", ".asc", ".kbx")


@dataclass(frozen=True)
class Trust:
    """How a Release file is verified; empty `keyrings` with `unsigned` False trusts nobody."""

    keyrings: tuple[Path, ...]
    unsigned: bool = False
    check_valid_until: bool = True


def host_keyrings(root: Path = Path("/")) -> tuple[Path, ...]:
    """The archive keys that the host itself trusts: archive keyrings, apt's trusted.gpg.d, Signed-By of its mirror."""
    try:
        of_mirror = default_mirror(root).keyrings
    except NoMirror:
        of_mirror = ()
    return tuple(dict.fromkeys((*of_mirror, *_installed_keyrings(root))))


def section_trust(section: Section) -> Trust:
    """What a section's keys `archive-keyring` and `check-valid-until` say, the host's keyrings by default."""
    if section.archive_unsigned:
        return Trust((), unsigned=True, check_valid_until=section.check_valid_until)
    keyrings = (section.archive_keyring,) if section.archive_keyring is not None else host_keyrings()
    return Trust(keyrings, check_valid_until=section.check_valid_until)


def _installed_keyrings(root: Path) -> Iterator[Path]:
    for directory, pattern in (("usr/share/keyrings", "*archive*"), ("etc/apt/trusted.gpg.d", "*")):
        for file in sorted((root / directory).glob(pattern)):
            # keys that an archive has retired are shipped beside the current ones
            if file.suffix in _KEYRING_SUFFIXES and "removed" not in file.name:
                yield file
