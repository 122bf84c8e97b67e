"""Fetching files over http, https and file: bounded in time and size, transient errors retried."""

from __future__ import annotations

import http.client
import io
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from piufarm import __version__
from piufarm.archive.errors import FetchError, NotFound, TooLarge, Truncated
from piufarm.config.defaults import host_apt_setting

_CHUNK_BYTES: Final = 256 * 1024
_GONE: Final = (404, 410)
_TRANSIENT: Final = (408, 425, 429, 500, 502, 503, 504)
_SMALL_FILE_BYTES: Final = 64 * 1024 * 1024


class _Transient(Exception):
    """An attempt failed in a way that may be different the next time; carries the error to raise in the end."""

    def __init__(self, error: FetchError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True)
class Fetcher:
    """How files are fetched. `proxy` None: as the environment (http_proxy, https_proxy, no_proxy), else apt, says."""

    proxy: str | None = None
    timeout_seconds: float = 30.0  # without a byte
    total_seconds: float = 1800.0  # for one transfer, however slowly it trickles
    attempts: int = 3
    pause_seconds: float = 1.0  # before the second attempt; doubled before each further one

    def get(self, url: str, *, max_bytes: int = _SMALL_FILE_BYTES) -> bytes:
        """A small file's content. Raises FetchError (NotFound, Truncated, TooLarge)."""
        stream = io.BytesIO()
        self.download(url, stream, max_bytes=max_bytes)
        return stream.getvalue()

    def download(self, url: str, stream: BinaryIO, *, max_bytes: int) -> int:
        """Write a file's content to `stream` (rewound and truncated at each attempt); returns its size.

        Raises FetchError (NotFound, Truncated, TooLarge).
        """
        pause = self.pause_seconds
        for attempt in range(1, self.attempts + 1):
            stream.seek(0)
            stream.truncate()
            try:
                return self._attempt(url, stream, max_bytes)
            except _Transient as failure:
                if attempt == self.attempts:
                    raise failure.error from failure
            time.sleep(pause)
            pause *= 2
        raise AssertionError("attempts is at least 1")

    def _attempt(self, url: str, stream: BinaryIO, max_bytes: int) -> int:
        if url.startswith("file:"):
            return _copy_local(url, stream, max_bytes)
        try:
            request = urllib.request.Request(url, headers={"User-Agent": f"piufarm/{__version__}"})
            with self._opener().open(request, timeout=self.timeout_seconds) as response:
                return self._copy(url, response, stream, max_bytes)
        except urllib.error.HTTPError as error:
            raise _refusal(url, error) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(url, error) from error

    def _copy(self, url: str, response: http.client.HTTPResponse, stream: BinaryIO, max_bytes: int) -> int:
        deadline = time.monotonic() + self.total_seconds
        announced = response.headers.get("Content-Length")
        size = 0
        while chunk := response.read1(_CHUNK_BYTES):  # returns with what is there, unlike read, which waits for all
            size += len(chunk)
            if size > max_bytes:
                raise TooLarge(f"{url} is larger than {max_bytes} bytes", hint="the mirror is out of step or broken")
            if time.monotonic() > deadline:
                raise FetchError(f"{url} takes longer than {self.total_seconds:g} s", hint=self._hint())
            _keep(chunk, stream, url)
        if announced is not None and announced.isdecimal() and size < int(announced):
            raise _Transient(Truncated(f"{url} ended after {size} of {announced} bytes", hint=self._hint()))
        return size

    def _failure(self, url: str, error: Exception) -> Exception:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        described = FetchError(f"cannot fetch {url}: {reason or type(reason).__name__}", hint=self._hint())
        if isinstance(reason, http.client.IncompleteRead):
            described = Truncated(f"{url} ended early", hint=self._hint())
        permanent = isinstance(reason, (ssl.SSLCertVerificationError, ValueError, http.client.InvalidURL))
        return described if permanent else _Transient(described)

    def _hint(self) -> str:
        proxies = self._proxies()
        used = f" and the proxy {proxies['http']}" if "http" in proxies else ""
        return f"check the network{used}, or choose another `mirror`"

    def _proxies(self) -> dict[str, str]:
        if self.proxy is not None:
            return {"http": self.proxy, "https": self.proxy}
        proxies = urllib.request.getproxies_environment()
        for scheme in ("http", "https"):
            of_apt = host_apt_setting(f"Acquire::{scheme}::Proxy")
            if scheme not in proxies and of_apt and of_apt != "DIRECT":
                proxies[scheme] = of_apt
        return proxies

    def _opener(self) -> urllib.request.OpenerDirector:
        opener = urllib.request.OpenerDirector()  # not build_opener: a redirect must not reach file: or ftp:
        for handler in (
            urllib.request.ProxyHandler(self._proxies()),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.UnknownHandler(),
        ):
            opener.add_handler(handler)
        return opener


def _keep(chunk: bytes, stream: BinaryIO, url: str) -> None:
    try:
        stream.write(chunk)
    except OSError as error:  # not the mirror's fault, and no better at the next attempt
        raise FetchError(f"cannot keep what {url} sends: {error.strerror}", hint="make room on the disk") from error


def _refusal(url: str, error: urllib.error.HTTPError) -> Exception:
    error.close()
    if error.code in _GONE:
        return NotFound(f"not found: {url}", hint="check the mirror, the suite's name, area and architecture")
    described = FetchError(
        f"cannot fetch {url}: {error.code} {error.reason}", hint="ask the mirror's or the proxy's administrator"
    )
    return _Transient(described) if error.code in _TRANSIENT else described


def _copy_local(url: str, stream: BinaryIO, max_bytes: int) -> int:
    path = Path(unquote(urlsplit(url).path))
    try:
        with path.open("rb") as source:
            size = 0
            while chunk := source.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > max_bytes:
                    raise TooLarge(f"{url} is larger than {max_bytes} bytes", hint="the archive is out of step")
                _keep(chunk, stream, url)
            return size
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"not found: {url}", hint="check the path and the suite's name") from error
    except (OSError, ValueError) as error:
        raise FetchError(f"cannot read {url}: {error}", hint="check the path and its permissions") from error
