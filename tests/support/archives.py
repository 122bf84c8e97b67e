"""A signed archive on loopback, fresh for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.archive import SignedArchive
from demo.server import ArchiveServer, serve


@pytest.fixture
def signed_archive(tmp_path: Path) -> SignedArchive:
    """An empty archive with a key of its own; `publish` puts packages into a suite, `keyring` is what to trust."""
    return SignedArchive(tmp_path / "archive")


@pytest.fixture
def archive_server(signed_archive: SignedArchive) -> Iterator[ArchiveServer]:
    """The archive as a mirror: `url` goes into a configuration, `broken = True` takes the mirror down."""
    with serve(signed_archive.www) as server:
        yield server
