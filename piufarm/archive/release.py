"""Release files: fetched, verified by gpgv, checked for date and suite; they vouch for every index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from piufarm.archive.fetch import Fetcher
from piufarm.archive.trust import Trust


class ListedFile(NamedTuple):
    """A line of a Release file's SHA256 table."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Release:
    """A verified Release file."""

    uri: str
    distribution: str  # the path below dists/
    suite: str | None
    codename: str | None
    date: datetime | None
    valid_until: datetime | None
    by_hash: bool
    files: Mapping[str, ListedFile]  # by path below dists/<distribution>/
    digest: str  # SHA-256 of the text as fetched: changes whenever the archive does


def fetch_release(
    uri: str, distribution: str, *, trust: Trust, fetcher: Fetcher, now: datetime | None = None
) -> Release:
    """Fetch and verify `<uri>/dists/<distribution>/InRelease` (or Release and Release.gpg).

    Raises FetchError, Unsigned, BadSignature, Expired, WrongSuite, MalformedFile.
    """
    raise NotImplementedError(uri, distribution, trust, fetcher, now)
