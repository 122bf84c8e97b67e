"""Fetching files over http, https and file: bounded in time and size, transient errors retried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True)
class Fetcher:
    """How files are fetched. `proxy` None: as the environment (http_proxy, https_proxy, no_proxy) says."""

    proxy: str | None = None
    timeout_seconds: float = 30.0  # without a byte
    attempts: int = 3

    def get(self, url: str, *, max_bytes: int = 64 * 1024 * 1024) -> bytes:
        """A small file's content. Raises FetchError (NotFound, Truncated, TooLarge)."""
        raise NotImplementedError(url, max_bytes)

    def download(self, url: str, stream: BinaryIO, *, max_bytes: int) -> int:
        """Write a file's content to `stream` (rewound and truncated at each attempt); returns its size.

        Raises FetchError (NotFound, Truncated, TooLarge).
        """
        raise NotImplementedError(url, stream, max_bytes)
