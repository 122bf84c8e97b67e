"""Fixtures of the archive tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.keys import SigningKey
from piufarm.archive.fetch import Fetcher
from piufarm.archive.trust import Trust
from tests.core.archive.handmade import HandmadeArchive


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    """One key for all archives of these tests: making one takes a while."""
    return SigningKey(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def keyring(signing_key: SigningKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public half of that key."""
    file = tmp_path_factory.mktemp("keyring") / "archive.gpg"
    file.write_bytes(signing_key.public_keyring())
    return file


@pytest.fixture
def archive(tmp_path: Path, signing_key: SigningKey) -> HandmadeArchive:
    """An empty signed archive."""
    return HandmadeArchive(tmp_path / "www", signing_key)


@pytest.fixture
def unsigned(tmp_path: Path) -> HandmadeArchive:
    """An empty archive without signatures."""
    return HandmadeArchive(tmp_path / "unsigned")


@pytest.fixture
def trust(keyring: Path) -> Trust:
    """Trust in the archives of these tests."""
    return Trust((keyring,))


@pytest.fixture
def fetcher() -> Fetcher:
    """A fetcher that does not pause between attempts."""
    return Fetcher(pause_seconds=0)
