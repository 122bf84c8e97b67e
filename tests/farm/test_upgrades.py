"""A section that upgrades packages from suite to suite: our master, our slave, our tester, all the way through."""

from __future__ import annotations

import pytest

from demo.debs import DebSpec
from piufarm.slave.tester.upgrades.end_meta import read_end_meta
from tests.support.programs import OurMaster, OurSlave, running
from tests.support.site import SECTION, FarmSite
from tests.support.wait import wait_until

pytestmark = pytest.mark.farm

OLD = "small-old"
META = "end-meta"


def _package(name: str, version: str, postinst: str = "") -> DebSpec:
    scripts = {"postinst": postinst} if postinst else {}
    return DebSpec(name, version, files={f"/usr/share/{name}/{version}": version}, scripts=scripts)


def test_a_section_upgrades_its_packages_and_keeps_what_the_upgraded_base_looks_like(farm: FarmSite) -> None:
    farm.configure(section={"upgrade-test-distros": f"{OLD} {SECTION}", "chroot-meta-auto": META})
    farm.archive.publish(OLD, [_package("good", "1"), _package("leaves", "1"), _package("tarries", "1")])
    leaving = "mkdir -p /var/lib/leaves && touch /var/lib/leaves/data"
    farm.publish([_package("good", "2"), _package("leaves", "2", leaving), _package("tarries", "1")])
    OurMaster().refresh(farm)
    meta = farm.slave_directory / "1" / SECTION / META
    meta.parent.mkdir(parents=True)
    meta.write_bytes(b"\x80\x04 what piuparts has left")

    wanted = {"pass/good_2.log", "fail/leaves_2.log", "pass/tarries_1.log"}
    with running(OurSlave(), farm):
        wait_until(lambda: set(farm.results()) == wanted, "the results", seconds=180)
    logs = {name: farm.log(outcome, name) for outcome, name in (("pass", "good_2"), ("fail", "leaves_2"))}
    assert "/var/lib/leaves/data\t not owned" in logs["leaves_2"]
    everything = "".join([*logs.values(), farm.log("pass", "tarries_1")])
    assert everything.count("was written by piuparts") == 1, "the slave did not remove the file that was of no use"
    # not to be seen if the failing one came first: its log is that of a second look, which finds what the first made
    made = everything.count("Finding out what the base looks like")
    assert made == 0 or (made == 1 and "Finding out what the base looks like" not in logs["leaves_2"])
    assert everything.count("The upgraded base is known") == 3 - made
    kept = read_end_meta(meta)
    assert kept is not None
    assert len(kept.history) == 2
