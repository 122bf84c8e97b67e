"""Which URLs a chroot may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.config.model import NetworkScope
from piufarm.slave.network.access import NetworkAccess

ACCESS = NetworkAccess(("http://mirror.example/debian", "https://safe.example:8443/"), Path("/nowhere"))


@pytest.mark.parametrize(
    "url",
    [
        "http://mirror.example/debian/dists/sid/InRelease",
        "http://mirror.example:80/debian/pool/main/h/hello/hello_1%2b2_all.deb",
        "http://MIRROR.example/debian",
        "https://safe.example:8443/dists/sid/Release",
    ],
)
def test_what_lies_in_an_archive_may_be_fetched(url: str) -> None:
    assert ACCESS.upstream_of(url) == url


def test_an_https_archive_is_reached_over_plain_http_from_inside() -> None:
    found = ACCESS.upstream_of("http://safe.example:8443/pool/a.deb")
    assert found == "https://safe.example:8443/pool/a.deb"


@pytest.mark.parametrize(
    "url",
    [
        "http://elsewhere.example/debian/dists/sid/InRelease",
        "http://mirror.example/debian-security/dists/sid/InRelease",
        "http://mirror.example/debian/../secret",
        "http://mirror.example/debian/%2e%2e/secret",
        "http://mirror.example:8080/debian/dists",
        "https://mirror.example/debian/dists",
        "http://user:password@mirror.example/debian/dists",
        "http://mirror.example/debian/dists?query=1",
        "ftp://mirror.example/debian/dists",
        "file:///etc/passwd",
        "/debian/dists",
        "http://mirror.example:port/debian",
        "http://[::1/debian",
        "",
    ],
)
def test_everything_else_may_not(url: str) -> None:
    assert ACCESS.upstream_of(url) is None


@given(st.text(max_size=200))
def test_no_text_is_taken_for_an_allowed_url_by_mistake(text: str) -> None:
    found = ACCESS.upstream_of(text)
    assert found is None or found.lower().startswith(("http://mirror.example", "https://safe.example:8443"))


def test_tunnels_lead_to_https_archives_only() -> None:
    assert ACCESS.may_tunnel_to("safe.example", 8443)
    assert not ACCESS.may_tunnel_to("safe.example", 443)
    assert not ACCESS.may_tunnel_to("mirror.example", 80)


ADDRESSES = {"public.example": "93.184.215.14", "inside.example": "10.1.2.3", "here.example": "127.0.0.1"}


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> NetworkAccess:
    """All public servers are in scope, as far as this small world has names."""

    def addresses(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        if host not in ADDRESSES:
            raise OSError("unknown name")
        return [(2, 1, 6, "", (ADDRESSES[host], port))]

    monkeypatch.setattr("socket.getaddrinfo", addresses)
    return NetworkAccess(("http://mirror.example/debian",), Path("/nowhere"), scope=NetworkScope.ANY)


def test_where_any_server_may_be_asked_only_public_ones_answer(anywhere: NetworkAccess) -> None:
    for url in ("http://public.example/x?y=z", "http://mirror.example/debian/dists"):
        assert anywhere.upstream_of(url) == url
    assert anywhere.may_tunnel_to("public.example", 443)
    for host in ("inside.example", "here.example", "unknown.example"):
        assert anywhere.upstream_of(f"http://{host}/") is None
        assert not anywhere.may_tunnel_to(host, 443)
    assert anywhere.upstream_of("http://public.example:8080/") is None
    assert not anywhere.may_tunnel_to("public.example", 22)


@pytest.mark.parametrize("scope", [NetworkScope.APT, NetworkScope.ARCHIVES])
def test_no_other_scope_leads_beyond_the_archives(anywhere: NetworkAccess, scope: NetworkScope) -> None:
    access = NetworkAccess(anywhere.archives, Path("/nowhere"), scope=scope)
    assert access.upstream_of("http://public.example/") is None
    assert not access.may_tunnel_to("public.example", 443)
