"""A master for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.master.office import Office, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An empty master with the sections sid and other."""
    opened = open_office(tmp_path)
    yield opened
    opened.store.close()
