"""A signed archive on loopback, empty for each test.

The key and the server's address stay the same for a whole run, so that what is prepared for them in caches is of use to
the next test, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.archive import SignedArchive
from demo.keys import SigningKey
from demo.server import ArchiveServer, serve


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    """The key of this run's archives."""
    return SigningKey(tmp_path_factory.mktemp("signing-key") / "home")


@pytest.fixture(scope="session")
def loopback_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveServer]:
    """This run's server; take `archive_server`, which shows the archive of a test."""
    with serve(tmp_path_factory.mktemp("nothing")) as server:
        yield server


@pytest.fixture
def signed_archive(tmp_path: Path, signing_key: SigningKey) -> SignedArchive:
    """An empty archive; `publish` puts packages into a suite, `keyring` is what to trust."""
    return SignedArchive(tmp_path / "archive", key=signing_key)


@pytest.fixture
def archive_server(signed_archive: SignedArchive, loopback_server: ArchiveServer) -> Iterator[ArchiveServer]:
    """The archive as a mirror: `url` goes into a configuration, `broken = True` takes the mirror down."""
    loopback_server.show(signed_archive.www)
    yield loopback_server
    loopback_server.on_request = None
