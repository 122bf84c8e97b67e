"""From a request to a prepared base: found in the cache, brought up to date, or made."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.slave.bases.freshness import current_releases
from piufarm.slave.bases.housekeeping import remove_unused
from piufarm.slave.bases.making import derive_copy, make_copy
from piufarm.slave.bases.own_sources import archives_of
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.request import BaseRequest, request_key
from piufarm.slave.bases.shelf import Shelf
from piufarm.slave.chroot.own_range import own_range
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
    if own_range() is not None and request.below is not None:
        raise FarmError("an existing root can be used by root alone", hint="make a tarball of it and use -b FILE")
    shelf = Shelf(cache / "bases" / request_key(request))
    is_new = not shelf.is_used()
    base = prepare_on(shelf, request, network, progress)
    if is_new:
        remove_unused(cache)
    return base


def prepare_on(
    shelf: Shelf, request: BaseRequest, network: NetworkAccess, progress: Callable[[str], None]
) -> PreparedBase:
    """As `prepare`, in a place of one's own choice. Raises FarmError."""
    found = shelf.take()
    if found is not None:
        if _serves(found, request, network):
            return found
        found.close()
    try:
        return _prepare_anew(request, shelf, network, progress)
    except OSError as error:
        raise FarmError(f"cannot prepare a base in {shelf.folder}: {error}", hint="is there space?") from error


def _serves(base: PreparedBase, request: BaseRequest, network: NetworkAccess) -> bool:
    """Whether a copy answers the request and its lists are those that the archives have now."""
    if base.facts.request != request_key(request):
        return False
    try:
        return current_releases(archives_of(request, base.root), network) <= base.facts.releases
    except BaseException:
        base.close()
        raise


def _prepare_anew(
    request: BaseRequest, shelf: Shelf, network: NetworkAccess, progress: Callable[[str], None]
) -> PreparedBase:
    with shelf.exclusively(lambda: progress("waiting for another tester that prepares this base")):
        found = shelf.take()
        if found is not None and _serves(found, request, network):
            return found
        with shelf.new_copy() as copy, found or nullcontext():
            if found is None or found.facts.request != request_key(request) or request.below is not None:
                make_copy(copy, request, network, progress)
            else:
                derive_copy(copy, found, request, network, progress)
        taken = shelf.take()
    if taken is None:
        raise FarmError(f"a base vanished from the cache: {shelf.folder}", hint="is something cleaning up there?")
    return taken


def default_cache() -> Path:
    """Where bases and .debs are kept: $PIUFARM_CACHE, else /var/cache/piufarm for root, else ~/.cache/piufarm."""
    chosen = os.environ.get("PIUFARM_CACHE")
    if chosen:
        return Path(chosen)
    return Path("/var/cache/piufarm") if os.geteuid() == 0 else Path.home() / ".cache/piufarm"
