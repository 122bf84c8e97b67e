"""What makes an archive trustworthy: keyrings, whether unsigned is fine, whether an expiry date counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from piufarm.config.model import Section


@dataclass(frozen=True)
class Trust:
    """How a Release file is verified; empty `keyrings` with `unsigned` False trusts nobody."""

    keyrings: tuple[Path, ...]
    unsigned: bool = False
    check_valid_until: bool = True


def host_keyrings() -> tuple[Path, ...]:
    """The archive keys that the host itself trusts: archive keyrings, apt's trusted.gpg.d, Signed-By of its mirror."""
    raise NotImplementedError


def section_trust(section: Section) -> Trust:
    """What a section's keys `archive-keyring` and `check-valid-until` say, the host's keyrings by default."""
    raise NotImplementedError(section)
