"""Which archives may be fetched from, over which proxy, and into which cache of .debs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from piufarm.errors import FarmError


@dataclass(frozen=True)
class NetworkAccess:
    """What a chroot may reach. Everything else is answered 403."""

    archives: tuple[str, ...]  # base URIs, http or https
    deb_cache: Path  # directory of .debs, shared by all tests of this host
    upstream_proxy: str | None = None  # http://host:port of the site, or None


@dataclass(frozen=True)
class Deb:
    """A .deb that a test is going to need."""

    uri: str
    size: int
    sha256: str | None = None


def fetch_debs(access: NetworkAccess, debs: Sequence[Deb], *, parallel: int = 6) -> list[Path]:
    """The cached files of these .debs, fetching what is missing; in the order asked for.

    Raises FarmError if one cannot be had or its size or SHA-256 differs.
    """
    raise FarmError("not built yet")
