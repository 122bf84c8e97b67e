"""One realistic site for all tests that only look at it, and small farms for those that change something."""

from __future__ import annotations

from pathlib import Path

import pytest

from piufarm.names import SectionName
from tests.report.sample import SID, SampleFarm, make_farm, realistic_section

UPGRADE = SectionName("stable2next")
EMPTY = SectionName("tarball/new")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> SampleFarm:
    """A rendered farm: a section with 30 days of history, one with a single day, one that was never refreshed."""
    farm = make_farm(tmp_path_factory.mktemp("site"), (SID, UPGRADE, EMPTY))
    realistic_section(farm, SID)
    realistic_section(farm, UPGRADE, days=0, seed=9)
    outcome = farm.report()
    assert outcome.troubles == {}
    return farm


@pytest.fixture
def farm(tmp_path: Path) -> SampleFarm:
    """An empty farm with the section sid."""
    return make_farm(tmp_path / "farm")
