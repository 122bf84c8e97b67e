"""From a request to a prepared base: found in the cache, brought up to date, or made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.request import BaseRequest
from piufarm.slave.network.access import NetworkAccess


def prepare(
    request: BaseRequest,
    *,
    cache: Path,
    network: NetworkAccess,
    progress: Callable[[str], None] = lambda _: None,
) -> PreparedBase:
    """The prepared base; a context manager: while it is open, its copy in the cache is not removed.

    Several testers may prepare the same base at once: one works, the others wait for it. `progress` gets a line
    about each longer step. Raises FarmError: whatever goes wrong with a base says nothing about a package.
    """
    raise FarmError("not built yet")


def save_tarball(base: PreparedBase, path: Path) -> None:
    """Write the base's tree to `path` (.tar, .tar.gz, .tar.xz or .tar.zst by its name) in one atomic step."""
    raise FarmError("not built yet")


def default_cache() -> Path:
    """Where bases and .debs are kept: $PIUFARM_CACHE, else /var/cache/piufarm for root, else ~/.cache/piufarm."""
    raise FarmError("not built yet")
