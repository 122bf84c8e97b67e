"""The predecessor's programs and ours work together: a batch both ways, every log arriving as it was sent."""

from __future__ import annotations

import pytest

from demo.debs import DebSpec
from piufarm.run import run
from tests.farm.packages import FAILING, LATE, MOVED, MOVING, PASSING
from tests.support.clone import PIUFARM
from tests.support.programs import (
    Master,
    OurMaster,
    OurSlave,
    RealMaster,
    RealSlave,
    RealSlaveWithOurTester,
    Slave,
    real_version,
    running,
)
from tests.support.site import SECTION, FarmSite
from tests.support.wait import wait_until

pytestmark = [pytest.mark.farm, pytest.mark.peer]

_BATCH_SECONDS = 240

EXPECTED = {
    "pass/tidy_1.log",
    "pass/tidy-too_1:2.0-1.log",
    "fail/leftover_1.log",
    "fail/broken-postinst_1.log",
    "untestable/moving_1.log",
}


class Batch:
    """A master and a slave that work through the packages: first a whole batch, then one that is interrupted."""

    def __init__(self, site: FarmSite, master: Master, slave: Slave) -> None:
        self.site, self.master, self.slave = site, master, slave
        slave.configure(site)
        site.admit(master.session(site))

    def run_whole(self) -> None:
        """Five packages; one of them changes in the archive after the master has handed it out."""
        site = self.site
        site.publish([*PASSING, *FAILING, MOVING])
        self.master.refresh(site)
        site.mirror.on_request = self._update_archive_when_reserved
        with running(self.slave, site) as slave:
            wait_until(lambda: set(site.results()) >= EXPECTED, "all results", seconds=_BATCH_SECONDS)
            slave.interrupt()
            slave.end()

    def _update_archive_when_reserved(self, path: str) -> None:
        if "moving_1.log" in self.site.spooled("reserved"):
            self.site.mirror.on_request = None
            self.site.publish([*PASSING, *FAILING, MOVED])

    def run_interrupted(self) -> None:
        """Three new packages, perhaps the changed one; the slave is interrupted in the middle of the first test."""
        site = self.site
        before = len(site.results())
        site.publish([*PASSING, *FAILING, MOVED, *LATE])
        self.master.refresh(site)
        with running(self.slave, site) as slave:
            wait_until(lambda: site.spooled("new") != [], "a test that runs", seconds=_BATCH_SECONDS)
            assert set(site.spooled("reserved")) >= {f"{spec.name}_1.log" for spec in LATE}
            slave.interrupt()
            slave.end()
        assert len(site.results()) == before + 1
        talk = (site.master_directory / SECTION / "master.log").read_text()
        given_back = {line.split()[-2] for line in talk.splitlines() if ">> unreserve " in line}
        assert len(given_back & {spec.name for spec in LATE}) >= 2


def _check(batch: Batch) -> None:
    site = batch.site
    batch.run_whole()
    # a master that looks at the archive by itself may already have handed out the new version, too
    assert set(site.results()) - {"pass/moving_2.log"} == EXPECTED
    assert site.results() == site.sent()
    assert "Package moving 1 not found in small, 2 is available" in site.log("untestable", "moving_1")
    batch.run_interrupted()
    assert site.results() == site.sent()
    assert [site.spooled(state) for state in ("new", "reserved", "pass", "fail", "untestable")] == [[]] * 5


def test_the_real_slave_completes_a_batch_against_our_master(site: FarmSite) -> None:
    _check(Batch(site, OurMaster(), RealSlave()))


def test_our_slave_completes_a_batch_against_the_real_master(site: FarmSite) -> None:
    _check(Batch(site, RealMaster(), OurSlave()))
    section = site.master_directory / SECTION
    assert list((section / "reserved").iterdir()) == []
    assert len((section / "submissions.txt").read_text().splitlines()) == len(site.results())
    asked = [line for line in (section / "master.log").read_text().splitlines() if ">> features" in line]
    assert len(asked) == 1, "each such question leaves a traceback on this master's disk: two slaves, one question"


@pytest.mark.parametrize("master", [OurMaster(), RealMaster()], ids=["ours", "real"])
def test_the_real_slave_tests_with_our_tester_for_either_master(site: FarmSite, master: Master) -> None:
    batch = Batch(site, master, RealSlaveWithOurTester())
    batch.run_whole()
    assert set(site.results()) - {"pass/moving_2.log"} == EXPECTED
    assert site.results() == site.sent()
    left, passed = site.log("fail", "leftover_1"), site.log("pass", "tidy_1")
    assert f"\nExecuting: {PIUFARM} test --compat " in passed.replace("sudo ", "")
    assert "  /var/lib/leftover.db\t not owned\n" in left
    for log in (left, passed):
        assert "piuparts run ends.\n" in log
        assert "PIUPARTS OUTPUT INCOMPLETE" not in log


def test_the_real_slave_upgrades_with_our_tester_and_hands_on_what_the_upgraded_base_looks_like(
    site: FarmSite,
) -> None:
    old = "small-old"
    slave = RealSlaveWithOurTester([old, SECTION], "meta")
    batch = Batch(site, RealMaster(), slave)
    site.archive.publish(old, [DebSpec("stays"), DebSpec("grows")])
    grown = DebSpec("grows", "2", scripts={"postinst": "mkdir /var/lib/grows && touch /var/lib/grows/data"})
    site.publish([DebSpec("stays"), grown, DebSpec("comes", "2")])
    wanted = {"pass/stays_1.log", "fail/grows_2.log", "pass/comes_2.log"}
    with running(batch.slave, site):
        wait_until(lambda: set(site.results()) == wanted, "the results", seconds=_BATCH_SECONDS)
    assert site.results() == site.sent()
    logs = [site.log(*name.removesuffix(".log").split("/")) for name in sorted(wanted)]
    assert "  /var/lib/grows/data\t not owned\n" in logs[0]
    assert sorted(log.count(" -S ") > 0 for log in logs) == [False, False, True]
    assert sorted(log.count("The upgraded base is known") for log in logs) == [0, 1, 1]


def test_the_predecessor_is_the_release_that_this_suite_knows() -> None:
    release = run(["sh", "-c", ". /etc/os-release && echo $VERSION_ID"]).stdout.decode().strip()
    known = {"12": "1.1.7", "13": "1.6.0"}
    assert real_version() == known.get(release, real_version())
