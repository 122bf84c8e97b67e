"""A master for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.archive import SignedArchive
from demo.server import ArchiveServer
from tests.master.mirrored import MirroredOffice
from tests.master.office import Office, open_office


@pytest.fixture
def office(tmp_path: Path, store_kind: str, request: pytest.FixtureRequest) -> Iterator[Office]:
    """An empty master with the sections sid and other; on both kinds of store if the test is marked so."""
    state = "" if store_kind == "sqlite" else request.getfixturevalue("store_url")
    opened = open_office(tmp_path, state=state)
    yield opened
    opened.store.close()


@pytest.fixture
def mirrored(tmp_path: Path, signed_archive: SignedArchive, archive_server: ArchiveServer) -> Iterator[MirroredOffice]:
    """A master and its archive, empty both."""
    mirrored = MirroredOffice(tmp_path, signed_archive, archive_server)
    yield mirrored
    mirrored.office.store.close()
