"""Fetching from good, slow, lying and dead servers."""

from __future__ import annotations

import errno
import io
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo.server import serve
from piufarm.archive.errors import FetchError, NotFound, TooLarge, Truncated
from piufarm.archive.fetch import Fetcher

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextmanager
def scripted_server(*answers: bytes) -> Iterator[str]:
    """A server that gives each connection the next of these answers and hangs up; the last one again and again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        stop = threading.Event()
        left = list(answers)

        def work() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(65536)
                    connection.sendall(left.pop(0) if len(left) > 1 else left[0])

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An HTTP answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers, "", ""]).encode() + body


def test_a_file_comes_over_http_and_from_the_disk_alike(tmp_path: Path, fetcher: Fetcher) -> None:
    (tmp_path / "a b").write_bytes(b"content")
    with serve(tmp_path) as server:
        assert fetcher.get(f"{server.url}/a%20b") == b"content"
    assert fetcher.get(f"file://{tmp_path}/a%20b") == b"content"
    assert fetcher.get(f"file:{tmp_path}/a%20b") == b"content"


def test_what_is_not_there_is_not_asked_for_again(tmp_path: Path, fetcher: Fetcher) -> None:
    with serve(tmp_path) as server:
        with pytest.raises(NotFound):
            fetcher.get(f"{server.url}/x")
        assert server.requested == ["/x"]
    with pytest.raises(NotFound):
        fetcher.get(f"file://{tmp_path}/x")


class _FullDisk(io.BytesIO):
    """Takes nothing."""

    def write(self, content: ReadableBuffer) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_full_disk_is_not_taken_for_trouble_of_the_mirror(tmp_path: Path, fetcher: Fetcher, scheme: str) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10)
    with serve(tmp_path) as server:
        url = f"{server.url}/file" if scheme == "http" else f"file://{tmp_path}/file"
        with pytest.raises(FetchError, match="No space left on device") as caught:
            fetcher.download(url, _FullDisk(), max_bytes=100)
    assert caught.value.hint == "make room on the disk"
    assert server.requested == (["/file"] if scheme == "http" else [])


def test_a_directory_is_no_file(tmp_path: Path, fetcher: Fetcher) -> None:
    with pytest.raises(FetchError, match="cannot read"):
        fetcher.get(f"file://{tmp_path}")


def test_a_transient_error_is_tried_again(fetcher: Fetcher) -> None:
    trouble = answer(b"", status="503 Service Unavailable")
    with scripted_server(trouble, b"", answer(b"fine", "Content-Length: 4")) as url:
        assert fetcher.get(f"{url}/x") == b"fine"


def test_a_mirror_that_is_down_is_the_farms_trouble_with_a_hint(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchError) as caught:
        fetcher.get(f"http://127.0.0.1:{port}/x")
    assert caught.value.exit_status == 3
    assert "mirror" in str(caught.value.hint)


def test_a_forbidden_file_is_refused_with_the_status(fetcher: Fetcher) -> None:
    with scripted_server(answer(b"", status="403 Forbidden")) as url, pytest.raises(FetchError, match="403 Forbidden"):
        fetcher.get(f"{url}/x")


@pytest.mark.parametrize(
    "cut",
    [
        answer(b"half", "Content-Length: 8"),
        answer(b"8\r\nhalf", "Transfer-Encoding: chunked"),
    ],
)
def test_a_truncated_transfer_is_detected(fetcher: Fetcher, cut: bytes) -> None:
    with scripted_server(cut) as url, pytest.raises(Truncated):
        fetcher.get(f"{url}/x")


def test_nothing_of_a_truncated_attempt_stays_in_the_stream(fetcher: Fetcher) -> None:
    stream = io.BytesIO()
    with scripted_server(answer(b"halfway", "Content-Length: 90"), answer(b"all", "Content-Length: 3")) as url:
        assert fetcher.download(f"{url}/x", stream, max_bytes=100) == 3
    assert stream.getvalue() == b"all"


def test_a_file_that_is_too_large_is_given_up(tmp_path: Path, fetcher: Fetcher) -> None:
    (tmp_path / "x").write_bytes(bytes(1000))
    with scripted_server(answer(bytes(1000))) as url, pytest.raises(TooLarge):
        fetcher.get(f"{url}/x", max_bytes=999)
    with pytest.raises(TooLarge):
        fetcher.get(f"file://{tmp_path}/x", max_bytes=999)


def test_a_redirect_is_followed_but_never_to_the_disk(tmp_path: Path, fetcher: Fetcher) -> None:
    (tmp_path / "x").write_bytes(b"content")
    with serve(tmp_path) as server:
        to_server = answer(b"", f"Location: {server.url}/x", status="302 Found")
        with scripted_server(to_server) as url:
            assert fetcher.get(f"{url}/y") == b"content"
    to_disk = answer(b"", f"Location: file://{tmp_path}/x", status="302 Found")
    with scripted_server(to_disk) as url, pytest.raises(FetchError):
        fetcher.get(f"{url}/y")


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(FetchError):
            Fetcher(timeout_seconds=0.05, attempts=1).get(url)


def test_a_transfer_that_trickles_for_too_long_is_given_up() -> None:
    with scripted_server(answer(b"content")) as url, pytest.raises(FetchError, match="takes longer than"):
        Fetcher(total_seconds=0, attempts=1).get(f"{url}/x")


def test_a_transfer_that_trickles_without_ever_pausing_is_given_up() -> None:
    """Each byte comes in time, the file never does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = threading.Event()
        sent: list[bytes] = []

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(answer(b"", "Content-Length: 2000"))
                for _ in range(2000):
                    sent.append(b"x")
                    connection.sendall(sent[-1])
                    if gone.wait(0.005):
                        break

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises(FetchError, match="takes longer than"):
                Fetcher(total_seconds=0.1, attempts=1).get(f"http://127.0.0.1:{listener.getsockname()[1]}/x")
        finally:
            gone.set()
            thread.join()
        assert len(sent) < 2000


def test_the_proxy_of_the_configuration_is_asked() -> None:
    with scripted_server(answer(b"by proxy", "Content-Length: 8")) as proxy:
        assert Fetcher(proxy=proxy).get("http://mirror.invalid/x") == b"by proxy"


def test_the_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_server(answer(b"by proxy", "Content-Length: 8")) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        assert Fetcher().get("http://mirror.invalid/x") == b"by proxy"


@pytest.mark.parametrize("url", ["ftp://mirror.invalid/x", "nonsense", "http://", "http://[::1/x", "http://a b/x"])
def test_an_address_that_cannot_be_fetched_is_an_error_not_a_crash(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(FetchError):
        fetcher.get(url)
