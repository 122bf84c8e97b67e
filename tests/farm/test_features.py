"""Our slave and our master speak more than the plain protocol: leases, troubles with evidence, compressed logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import pytest

from demo.debs import DebSpec
from piufarm.config.load import load
from piufarm.names import SectionName
from piufarm.store import open_store
from piufarm.store.attempts import SlaveRow, Trouble
from piufarm.store.model import Reservation
from tests.farm.packages import LATE, PASSING, SLOW, TALKATIVE
from tests.support.programs import OurMaster, OurSlave, running
from tests.support.site import SECTION, FarmSite
from tests.support.wait import wait_until

pytestmark = pytest.mark.farm

Offer = Callable[[Iterable[DebSpec]], None]
Reservations = Callable[[], list[Reservation]]

_SHORT_LEASE: Final = {"lease-timeout": "4"}  # seconds; the slow package alone takes six


def talk(farm: FarmSite) -> list[str]:
    """The requests that the master has heard."""
    lines = (farm.master_directory / SECTION / "master.log").read_text().splitlines()
    return [line.partition(">> ")[2] for line in lines if ">> " in line]


def remembered(farm: FarmSite) -> tuple[list[Trouble], list[SlaveRow]]:
    """What the master knows about troubles and slaves."""
    store = open_store(load(farm.configuration).farm.state)
    try:
        return list(store.troubles(SectionName(SECTION))), list(store.slaves())
    finally:
        store.close()


def test_a_batch_is_leased_at_once_and_renewed_while_a_long_test_runs(farm: FarmSite, offer: Offer) -> None:
    farm.configure(section=_SHORT_LEASE)
    offer([SLOW, *PASSING])
    with running(OurSlave(), farm):
        wait_until(lambda: len(farm.results()) == 3, "all results")
    heard = talk(farm)
    assert "lease 20" in heard
    assert "reserve" not in heard
    assert heard.count("renew") >= 2
    assert remembered(farm)[0] == []
    assert farm.results() == farm.sent()


def test_what_a_killed_slave_held_is_tested_by_another_one_and_not_twice_when_it_is_back(
    farm: FarmSite, offer: Offer, reservations: Reservations
) -> None:
    farm.configure(section=_SHORT_LEASE)
    offer([SLOW, *LATE])
    first, second = OurSlave("first", 1), OurSlave("second", 2)
    for slave in (first, second):
        farm.admit(OurMaster().session(farm, slave.name), slave.name)
    with running(first, farm) as worker:
        wait_until(lambda: farm.spooled("new") != [], "a test that runs")
        worker.kill()
    left = farm.spooled("reserved")
    assert left != []
    with running(second, farm):
        wait_until(lambda: len(farm.results()) == 4, "the results of all packages")
    with running(first, farm):
        wait_until(lambda: farm.spooled("reserved") == [], "the slave that was away gives way")
        wait_until(lambda: talk(farm)[-1] != "renew", "its next request")
    assert farm.spooled("new") == []
    assert {trouble.kind for trouble in remembered(farm)[0]} == {"lost"}
    submissions = (farm.master_directory / SECTION / "submissions.txt").read_text().splitlines()
    assert sorted(line.split()[2] for line in submissions) == sorted(spec.name for spec in (SLOW, *LATE))
    assert reservations() == []


def test_trouble_reaches_the_master_with_its_evidence(farm: FarmSite, offer: Offer) -> None:
    offer([DebSpec("unseen-evidence")])

    def break_mirror(path: str) -> None:
        if farm.spooled("reserved") and path.endswith(".deb"):
            farm.mirror.broken = True

    farm.mirror.on_request = break_mirror
    with running(OurSlave(), farm):
        wait_until(lambda: remembered(farm)[0] != [], "the trouble")
    (trouble,), (slave,) = remembered(farm)
    assert (trouble.package, trouble.kind, trouble.slave) == ("unseen-evidence", "mirror", "worker")
    assert trouble.log is not None
    evidence = (farm.master_directory / SECTION / trouble.log).read_text()
    assert "Not tested, the farm is in trouble: " in evidence and "OUTPUT INCOMPLETE" in evidence
    assert slave.attempts == (False,)
    assert farm.results() == {}


def test_a_large_log_comes_compressed_and_is_the_same(farm: FarmSite, offer: Offer) -> None:
    offer([TALKATIVE])
    with running(OurSlave(), farm):
        wait_until(lambda: set(farm.results()) == {"pass/talkative_1.log"}, "the result")
    (head,) = [request.split() for request in talk(farm) if request.startswith("pass ")]
    assert head[:4] == ["pass", "talkative", "1", "zstd"]
    assert farm.results() == farm.sent()
    size = (farm.master_directory / SECTION / "pass" / "talkative_1.log").stat().st_size
    assert int(head[4]) < size / 2
