"""The proxy that chroots talk to, and the cache of .debs behind it; mirrors are on loopback."""

from __future__ import annotations

import http.client
import http.server
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.debs import DebCache, forget_what_apt_refused
from piufarm.slave.network.proxy import serve

CONTENT = b"a .deb, or so they say\n" * 5000


@dataclass
class Mirror:
    """A mirror whose answers are made up; remembers what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)
    cut_off: bool = False
    content: bytes = CONTENT


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Answers every path below /debian."""
    state = Mirror("")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked.append(self.path)
            if self.path.startswith("/moved/"):
                self.send_response(302)
                self.send_header("Location", f"{state.url}/{self.path.removeprefix('/moved/')}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            found = "missing" not in self.path
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(state.content) if found else 0))
            self.end_headers()
            if found:
                self.wfile.write(state.content[:1000] if state.cut_off else state.content)
            self.close_connection = state.cut_off

        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def connection(access: NetworkAccess) -> Iterator[socket.socket]:
    """A client's end of a connection that the proxy serves."""
    ours, theirs = socket.socketpair()

    def work() -> None:
        with theirs:
            serve(access, theirs)

    thread = threading.Thread(target=work)
    thread.start()
    with ours:
        ours.settimeout(30)
        yield ours
    thread.join(timeout=30)
    assert not thread.is_alive()


def ask(access: NetworkAccess, url: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body that a client gets; http.client.IncompleteRead if it is cut off."""
    with connection(access) as ours:
        ours.sendall(f"{method} {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = http.client.HTTPResponse(ours, method=method)
        answer.begin()
        return answer.status, answer.read()


@pytest.fixture
def access(mirror: Mirror, tmp_path: Path) -> NetworkAccess:
    """Leads to the mirror's /debian and /moved/debian."""
    return NetworkAccess((f"{mirror.url}/debian", f"{mirror.url}/moved/debian"), tmp_path / "debs")


def cached(access: NetworkAccess) -> list[Path]:
    """Every file of the cache, unfinished ones included."""
    return [path for path in access.deb_cache.rglob("*") if path.is_file()]


def test_an_index_is_passed_through_and_not_kept(access: NetworkAccess, mirror: Mirror) -> None:
    assert ask(access, f"{mirror.url}/debian/dists/sid/InRelease") == (200, CONTENT)
    assert cached(access) == []


def test_a_deb_is_kept(access: NetworkAccess, mirror: Mirror) -> None:
    url = f"{mirror.url}/debian/pool/a_1_all.deb"
    assert ask(access, url) == (200, CONTENT)
    (kept,) = cached(access)
    assert kept.read_bytes() == CONTENT
    assert DebCache(access.deb_cache).path_for(url) == kept
    assert ask(access, url) == (200, CONTENT)
    assert len(mirror.asked) == 1, "the second answer comes from the cache, and the mirror is not asked"


def test_an_answer_that_is_cut_off_is_neither_kept_nor_passed_off_as_whole(
    access: NetworkAccess, mirror: Mirror
) -> None:
    mirror.cut_off = True
    with pytest.raises(http.client.IncompleteRead):
        ask(access, f"{mirror.url}/debian/pool/a_1_all.deb")
    assert cached(access) == []


def test_redirections_are_followed_outside(access: NetworkAccess, mirror: Mirror) -> None:
    assert ask(access, f"{mirror.url}/moved/debian/pool/a_1_all.deb") == (200, CONTENT)


def test_what_is_missing_is_missing(access: NetworkAccess, mirror: Mirror) -> None:
    assert ask(access, f"{mirror.url}/debian/pool/missing_1_all.deb")[0] == 404
    assert cached(access) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/secret", 403),
        ("GET", "/debian/../secret", 403),
        ("CONNECT", "127.0.0.1:22", 403),
        ("POST", "/debian/dists", 405),
        ("DELETE", "/debian/dists", 405),
    ],
)
def test_everything_else_is_refused(
    access: NetworkAccess, mirror: Mirror, method: str, path: str, status: int
) -> None:
    url = path if method == "CONNECT" else mirror.url + path
    assert ask(access, url, method)[0] == status
    assert mirror.asked == []


def test_a_mirror_that_is_down_is_told_as_a_bad_gateway(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    access = NetworkAccess((f"http://127.0.0.1:{port}/debian",), tmp_path)
    assert ask(access, f"http://127.0.0.1:{port}/debian/dists/sid/InRelease")[0] == 502


def test_several_requests_may_be_sent_at_once(access: NetworkAccess, mirror: Mirror) -> None:
    request = f"GET {mirror.url}/debian/dists/sid/InRelease HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with connection(access) as ours:
        ours.sendall(request * 5)
        ours.shutdown(socket.SHUT_WR)
        with ours.makefile("rb") as stream:
            everything = stream.read()
    assert everything.count(CONTENT) == 5


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_garbage_ends_the_connection_and_fetches_nothing(
    access: NetworkAccess, mirror: Mirror, garbage: bytes
) -> None:
    with connection(access) as ours:
        ours.sendall(garbage)
        ours.shutdown(socket.SHUT_WR)
        while ours.recv(1 << 16):
            pass
    assert mirror.asked == []


def test_many_tests_may_fill_one_cache_at_once(access: NetworkAccess, mirror: Mirror) -> None:
    urls = [f"{mirror.url}/debian/pool/{n % 3}_1_all.deb" for n in range(60)]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda url: ask(access, url), urls)) == {(200, CONTENT)}
    assert len(cached(access)) == 3, "and nothing unfinished"


def test_a_deb_that_apt_refused_is_fetched_again(access: NetworkAccess, mirror: Mirror) -> None:
    urls = [f"{mirror.url}/debian/pool/{name}_1%7e1_all.deb" for name in "abc"]
    for url in urls:
        ask(access, url)
    mirror.content = CONTENT.upper()
    said = f"E: Failed to fetch {urls[0]}  Hash Sum mismatch\n   Hashes of expected file:\n" \
        f"E: Failed to fetch {urls[1].replace('%7e', '~')}  File has unexpected size (5 != 6). Mirror sync in progress?"
    forget_what_apt_refused(said, access)
    assert [ask(access, url)[1].isupper() for url in urls] == [True, True, False]
    forget_what_apt_refused("E: Failed to fetch http://elsewhere.example/a.deb  Hash Sum mismatch", access)
    assert len(cached(access)) == 3
