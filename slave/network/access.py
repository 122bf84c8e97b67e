"""Which archives may be fetched from, over which proxy, and into which cache of .debs."""

from __future__ import annotations

import ipaddress
import posixpath
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from piufarm.config.model import NetworkScope
from piufarm.slave.network.plain import View

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class NetworkAccess:
    """What a chroot may reach. Everything else is answered 403."""

    archives: tuple[str, ...]  # base URIs, http or https
    deb_cache: Path  # directory of .debs, shared by all tests of this host
    upstream_proxy: str | None = None  # http://host:port of the site, or None
    scope: NetworkScope = NetworkScope.APT
    shared: frozenset[str] = frozenset()  # URLs of .debs that several tests of a batch are going to unpack
    view: View | None = None  # where a chroot finds .debs without compression

    @property
    def plain_debs(self) -> Path:
        """The directory of .debs without compression, beside the cache of .debs."""
        return self.deb_cache.parent / "plain"

    def upstream_of(self, url: str) -> str | None:
        """The URL to fetch for `url`, if it lies in one of the archives.

        A request over http for an https archive becomes https: what is inside the chroot need not know certificates.
        """
        try:
            asked = urlsplit(url)
            origin = _origin(asked)
        except ValueError:
            return None
        path = posixpath.normpath(unquote(asked.path) or "/")
        if asked.username is not None or (asked.query and self.scope is not NetworkScope.ANY) or asked.fragment:
            return None
        for archive in self._split():
            top = unquote(archive.path).rstrip("/")
            if path != top and not path.startswith(f"{top}/"):
                continue
            if _origin(archive) == origin:
                return url
            upgraded = archive.scheme == "https" and asked.scheme == "http" and asked.port in (None, archive.port)
            if upgraded and asked.hostname == archive.hostname:
                return asked._replace(scheme="https").geturl()
        return url if self._reaches(*origin[1:]) else None

    def may_tunnel_to(self, host: str, port: int) -> bool:
        """Whether an https archive is at this address."""
        asked = (host.lower(), port)
        is_archive = any(archive.scheme == "https" and _origin(archive)[1:] == asked for archive in self._split())
        return is_archive or self._reaches(*asked)

    def _reaches(self, host: str, port: int) -> bool:
        """Whether this is a public server and these are in scope: those of the host and its site are not for tests."""
        if self.scope is not NetworkScope.ANY or port not in _PORTS.values():
            return False
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return False
        return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found)

    def _split(self) -> Iterator[SplitResult]:
        for archive in self.archives:
            parts = urlsplit(archive)
            if parts.scheme in _PORTS and parts.hostname:
                yield parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """Raises ValueError for what is no http or https URL."""
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not an http URL")
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]
