"""Trouble of the farm itself: sessions that break off, a mirror that is down. It never becomes a result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from demo.debs import DebSpec
from piufarm.files import atomic_write
from piufarm.store.model import Reservation
from tests.farm.packages import TALKATIVE
from tests.support.programs import OurMaster, OurSlave, running
from tests.support.site import SECTION, FarmSite
from tests.support.wait import wait_until

pytestmark = pytest.mark.farm

Offer = Callable[[Iterable[DebSpec]], None]
Reservations = Callable[[], list[Reservation]]

# Runs a command, and kills it once this many bytes of its input have passed; only while the file `armed` exists.
_KILL_AFTER = """#!/bin/bash
[[ -e {armed} ]] || exec "$@"
mkfifo {fifo}
"$@" <{fifo} &
session=$!
exec 9>{fifo}
dd bs=64K count={count} iflag=count_bytes status=none >&9
rm {armed} {fifo}
kill -KILL $session
wait $session
"""


def _dying_session(farm: FarmSite, count: int) -> tuple[Path, list[str]]:
    """The file that arms it, and a session of our master that then is killed in the middle of what the slave sends."""
    armed, script = farm.directory / "armed", farm.directory / "kill-after"
    atomic_write(script, _KILL_AFTER.format(armed=armed, fifo=farm.directory / "fifo", count=count), mode=0o777)
    return armed, [str(script), *map(str, OurMaster().session(farm))]


def test_a_master_that_dies_during_a_log_shows_nothing_of_it_and_gets_it_again(farm: FarmSite, offer: Offer) -> None:
    offer([TALKATIVE])
    armed, session = _dying_session(farm, 100_000)  # it comes compressed
    farm.admit(session)
    with running(OurSlave(), farm):
        wait_until(lambda: farm.spooled("new") != [], "the test")
        armed.touch()
        wait_until(lambda: not armed.exists(), "the death of the session")
        assert farm.results() == {}
        wait_until(lambda: set(farm.results()) == {"pass/talkative_1.log"}, "the log, sent again", seconds=180)
    assert farm.results() == farm.sent()
    section = farm.master_directory / SECTION
    whole = section / "pass" / "talkative_1.log"
    assert whole.stat().st_size > 2_000_000
    for part in _unfinished(section):
        os.utime(part, (0, 0))  # a session could still be writing it if it were young
    OurMaster().check(farm, "--repair")
    assert _unfinished(section) == []


def _unfinished(section: Path) -> list[Path]:
    """What dying sessions have left."""
    return [path for path in section.rglob(".new-*") if path.is_file()]


@pytest.mark.parametrize("missing", ["InRelease", ".deb"], ids=["indexes", "packages"])
def test_packages_are_given_back_when_the_mirror_is_down(
    farm: FarmSite, offer: Offer, reservations: Reservations, missing: str
) -> None:
    kind = missing.strip(".").lower()
    packages = [DebSpec(f"unseen-{kind}-{number}") for number in range(2)]  # which no cache has yet
    offer(packages)

    def break_mirror(path: str) -> None:
        if farm.spooled("reserved") and path.endswith(missing):
            farm.mirror.broken = True

    farm.mirror.on_request = break_mirror
    with running(OurSlave(), farm) as slave:
        wait_until(lambda: farm.mirror.broken, "the end of the mirror")
        wait_until(lambda: reservations() == [] and farm.spooled("reserved") == [], "all packages given back")
        assert farm.results() == {}
        slave.interrupt()
        slave.end()
    assert farm.results() == {}
    assert [farm.spooled(outcome) for outcome in ("pass", "fail", "untestable")] == [[], [], []]
    farm.mirror.on_request, farm.mirror.broken = None, False
    with running(OurSlave(), farm):
        wait_until(lambda: len(farm.results()) == len(packages), "the results once the mirror is up again")
    assert {name.partition("/")[0] for name in farm.results()} == {"pass"}
