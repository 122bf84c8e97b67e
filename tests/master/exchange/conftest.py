"""An installation of piuparts beside our master."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.master.exchange.theirs import TheirMaster, their_master


@pytest.fixture
def theirs(tmp_path: Path) -> TheirMaster:
    """A master-directory of piuparts without a result."""
    return their_master(tmp_path / "piuparts")
