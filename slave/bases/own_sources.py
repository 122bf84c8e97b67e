"""The archives that a base's packages come from: those asked for, or with --keep-sources-list its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from piufarm.archive.mirror import archives_of_root
from piufarm.slave.bases.request import BaseRequest
from piufarm.slave.network.access import NetworkAccess


def archives_of(request: BaseRequest, root: Path) -> tuple[tuple[str, str], ...]:
    """(URI, suite) of each archive that decides whether a base, unpacked at `root`, is still fresh."""
    if request.sources_list is not None or not request.upgrade:
        return request.archives
    mirrors = archives_of_root(root)
    return tuple(dict.fromkeys((mirror.uri, mirror.suite) for mirror in mirrors if mirror.uri.startswith("http")))


def reaching(network: NetworkAccess, archives: tuple[tuple[str, str], ...]) -> NetworkAccess:
    """The same access, with these archives within reach."""
    return replace(network, archives=tuple(dict.fromkeys((*network.archives, *(uri for uri, _ in archives)))))
