"""Whether an archive has changed since a base was prepared from it."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from piufarm.archive.errors import FetchError, NotFound
from piufarm.archive.fetch import Fetcher
from piufarm.slave.network.access import NetworkAccess

_RELEASE_BYTES: Final = 32 << 20
_RELEASE_FILES: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (("InRelease", bytes), ("Release", bytes))
# A directory with .debs and nothing but a list of them, as it came out of dpkg-scanpackages.
_LIST_FILES: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("Packages", bytes), ("Packages.xz", lzma.decompress), ("Packages.gz", gzip.decompress),
)


def is_flat(suite: str) -> bool:
    """Whether a line of sources.list with this suite means a directory without dists/ and pool/."""
    return suite.endswith("/")


def current_releases(archives: Sequence[tuple[str, str]], network: NetworkAccess) -> frozenset[str]:
    """The SHA-256 of each archive's InRelease (else Release, else of a flat one's Packages) as it is now.

    Nothing is verified here: apt does that when it takes a changed one. Raises FarmError if a mirror is down.
    """
    if not archives:
        return frozenset()
    fetcher = Fetcher(proxy=network.upstream_proxy)
    with ThreadPoolExecutor(max_workers=min(8, len(archives))) as pool:
        return frozenset(pool.map(lambda archive: _digest(fetcher, *archive), archives))


def _digest(fetcher: Fetcher, uri: str, suite: str) -> str:
    top = uri.rstrip("/") + (f"/{suite.strip('/')}" if is_flat(suite) else f"/dists/{suite}")
    for name, unpack in _RELEASE_FILES + (_LIST_FILES if is_flat(suite) else ()):
        with suppress(NotFound):
            content = fetcher.get(f"{top}/{name}", max_bytes=_RELEASE_BYTES)
            return hashlib.sha256(_unpacked(content, unpack, top)).hexdigest()
    raise NotFound(f"nothing that apt could read at {top}", hint="check the mirror, and the suite's name")


def _unpacked(content: bytes, unpack: Callable[[bytes], bytes], top: str) -> bytes:
    try:
        return unpack(content)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise FetchError(f"the list of packages at {top} is damaged: {error}", hint="make it anew") from error
