"""Which URLs a chroot may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
