from __future__ import annotations

from pathlib import Path

import pytest

from demo.archive import SignedArchive
from tests.slave.worker.bench import Bench


@pytest.fixture
def bench(tmp_path: Path, signed_archive: SignedArchive) -> Bench:
    """A slave's workplace with a fake master and a signed archive."""
    return Bench(tmp_path / "bench", signed_archive)
