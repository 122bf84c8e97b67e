"""A proxy for programs in a chroot: GET of the section's archives, through the cache of .debs; all else is refused."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

from piufarm.slave.network.access import NetworkAccess


def proxy_for(access: NetworkAccess | None) -> Callable[[socket.socket], None] | None:
    """What serves a connection with this access; None if there is none."""
    return None if access is None else partial(serve, access)


def serve(access: NetworkAccess, client: socket.socket) -> None:
    """Answer the requests of one connection until it ends."""
