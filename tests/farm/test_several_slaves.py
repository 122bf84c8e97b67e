"""Several slaves work in one section at the same time, and no package is tested twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import pytest

from demo.debs import DebSpec
from tests.support.programs import OurMaster, OurSlave, running
from tests.support.site import SECTION, FarmSite
from tests.support.wait import wait_until

pytestmark = pytest.mark.farm

PACKAGES: Final = tuple(DebSpec(f"part-{number}") for number in range(8))


def test_two_slaves_share_a_section(farm: FarmSite, offer: Callable[[Iterable[DebSpec]], None]) -> None:
    farm.configure({"max-reserved": "1"})
    offer(PACKAGES)
    slaves = [OurSlave("first", 1), OurSlave("second", 2)]
    for slave in slaves:
        farm.admit(OurMaster().session(farm, slave.name), slave.name)
    with running(slaves[0], farm), running(slaves[1], farm):
        wait_until(lambda: len(farm.results()) == len(PACKAGES), "all results", seconds=120)
    lines = (farm.master_directory / SECTION / "submissions.txt").read_text().splitlines()
    assert sorted(line.split()[2] for line in lines) == sorted(spec.name for spec in PACKAGES)
    assert farm.results() == farm.sent()
