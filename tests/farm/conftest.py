"""A farm of our own programs: the master lets our slave in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from demo.debs import DebSpec
from piufarm.config.load import load
from piufarm.names import SectionName
from piufarm.store import open_store
from piufarm.store.model import Reservation
from tests.support.programs import OurMaster
from tests.support.site import SECTION, FarmSite


@pytest.fixture
def farm(site: FarmSite) -> Iterator[FarmSite]:
    """A site where our master answers our slave; whatever a test does, store and log files must agree in the end."""
    site.admit(OurMaster().session(site))
    yield site
    OurMaster().check(site)


@pytest.fixture
def offer(farm: FarmSite) -> Callable[[Iterable[DebSpec]], None]:
    """Put packages into the archive and let the master take notice."""

    def publish_and_refresh(packages: Iterable[DebSpec]) -> None:
        farm.publish(packages)
        OurMaster().refresh(farm)

    return publish_and_refresh


@pytest.fixture
def reservations(farm: FarmSite) -> Callable[[], list[Reservation]]:
    """What the master has handed out and not got back."""

    def read() -> list[Reservation]:
        store = open_store(load(farm.configuration).farm.state)
        try:
            return list(store.reservations(SectionName(SECTION)))
        finally:
            store.close()

    return read
