"""A quiet HTTP server on loopback for a folder; it can play a mirror that is down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler


class ArchiveServer(ThreadingHTTPServer):
    """Serves `folder`; `broken` makes it answer 503 to everything, `requested` lists the paths asked for so far.

    `on_request` is called with each path before it is answered: the place to change the archive at a given moment.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        handler = cast("type[BaseHTTPRequestHandler]", _Quiet)
        super().__init__(("127.0.0.1", port), handler)
        self.folder = folder
        self.broken = False
        self.on_request: Callable[[str], None] | None = None
        self.answering = threading.Lock()
        self.requested: list[str] = []

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where the folder is seen."""
        return f"http://127.0.0.1:{self.port}"

    def show(self, folder: Path) -> None:
        """Serve this folder from now on, in working order and with nothing requested yet."""
        self.folder, self.broken, self.on_request = folder, False, None
        self.requested.clear()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files, no listings; keeps connections open, as mirrors do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: ArchiveServer

    def do_GET(self) -> None:
        if self._refused():
            return
        super().do_GET()

    def do_HEAD(self) -> None:
        if self._refused():
            return
        super().do_HEAD()

    def translate_path(self, path: str) -> str:
        self.directory = str(self.server.folder)
        return super().translate_path(path)

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _refused(self) -> bool:
        server = self.server
        with server.answering:
            server.requested.append(self.path)
            if server.on_request is not None:
                server.on_request(self.path)
        if server.broken:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        return server.broken


@contextmanager
def serve(folder: Path, *, port: int = 0) -> Iterator[ArchiveServer]:
    """The folder on a port of 127.0.0.1 (a free one by default) while the block runs."""
    with ArchiveServer(folder, port=port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
