"""Whether an archive has changed since a base was prepared from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from piufarm.archive.errors import NotFound
from piufarm.archive.fetch import Fetcher
from piufarm.slave.network.access import NetworkAccess

_RELEASE_BYTES: Final = 32 << 20


def current_releases(archives: Sequence[tuple[str, str]], network: NetworkAccess) -> frozenset[str]:
    """The SHA-256 of each archive's InRelease (else Release) as it is now.

    Nothing is verified here: apt does that when it takes a changed one. Raises FarmError if a mirror is down.
    """
    if not archives:
        return frozenset()
    fetcher = Fetcher(proxy=network.upstream_proxy)
    with ThreadPoolExecutor(max_workers=min(8, len(archives))) as pool:
        return frozenset(pool.map(lambda archive: _digest(fetcher, *archive), archives))


def _digest(fetcher: Fetcher, uri: str, suite: str) -> str:
    top = f"{uri.rstrip('/')}/dists/{suite.rstrip('/')}"
    try:
        content = fetcher.get(f"{top}/InRelease", max_bytes=_RELEASE_BYTES)
    except NotFound:
        content = fetcher.get(f"{top}/Release", max_bytes=_RELEASE_BYTES)
    return hashlib.sha256(content).hexdigest()
