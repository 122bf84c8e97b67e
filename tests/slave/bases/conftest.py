"""Bases small enough to be prepared by the dozen: a tree that has what apt and dpkg of the real base need."""

from __future__ import annotations

from pathlib import Path

import pytest

from piufarm.slave.network.access import NetworkAccess


@pytest.fixture
def nowhere(tmp_path: Path) -> NetworkAccess:
    """No archive can be reached."""
    return NetworkAccess((), tmp_path / "debs")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of its own."""
    return tmp_path / "cache"
