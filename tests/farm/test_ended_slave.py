"""However a slave ends, nothing of it stays on the host and no result is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from demo.debs import DebSpec
from piufarm.store.model import Reservation
from tests.farm.packages import FAILING, LATE, PASSING, SLOW, SLOW_MARK
from tests.support.host import host_state, left_over, processes_with
from tests.support.programs import OurSlave, running
from tests.support.site import FarmSite
from tests.support.wait import wait_until

pytestmark = pytest.mark.farm

Offer = Callable[[Iterable[DebSpec]], None]
Reservations = Callable[[], list[Reservation]]


def _marks(farm: FarmSite) -> tuple[str, ...]:
    """What the command lines and mounts of this farm hold."""
    return (str(farm.directory), SLOW_MARK)


def _slow_test_runs() -> bool:
    return processes_with(SLOW_MARK) != []


def test_a_slave_killed_in_the_middle_of_a_test_leaves_nothing_and_loses_nothing(farm: FarmSite, offer: Offer) -> None:
    offer([*PASSING, FAILING[0], SLOW])
    before = host_state(farm.tmpdir)
    with running(OurSlave(), farm) as slave:
        wait_until(_slow_test_runs, "the slow test")
        slave.kill()
    assert not left_over(before, farm.tmpdir, marks=_marks(farm))
    assert farm.spooled("reserved") != []
    with running(OurSlave(), farm):
        wait_until(lambda: len(farm.results()) == 4, "the results of all packages")
    expected = {"pass/tidy_1.log", "pass/tidy-too_1:2.0-1.log", "fail/leftover_1.log", "pass/slow_1.log"}
    assert set(farm.results()) == expected
    assert farm.results() == farm.sent()
    assert not left_over(before, farm.tmpdir, marks=_marks(farm))


def test_one_interrupt_finishes_the_test_sends_it_and_gives_the_rest_back(
    farm: FarmSite, offer: Offer, reservations: Reservations
) -> None:
    offer([SLOW])
    before = host_state(farm.tmpdir)
    with running(OurSlave(), farm) as slave:
        wait_until(_slow_test_runs, "the slow test")
        slave.interrupt()
        slave.end()
    assert set(farm.results()) == {"pass/slow_1.log"}
    assert farm.results() == farm.sent()
    assert reservations() == []
    assert not left_over(before, farm.tmpdir, marks=_marks(farm))


def test_an_interrupt_gives_back_what_is_not_yet_tested(
    farm: FarmSite, offer: Offer, reservations: Reservations
) -> None:
    offer([*LATE, *PASSING])
    with running(OurSlave(), farm) as slave:
        wait_until(lambda: farm.spooled("new") != [], "a test that runs")
        assert len(reservations()) >= 2  # a slave gets no more than its share of the last packages
        slave.interrupt()
        slave.end()
    assert reservations() == []
    assert farm.spooled("reserved") == []
    assert 1 <= len(farm.results()) < 5
    assert farm.results() == farm.sent()


def test_two_interrupts_abort_the_test_cleanly_and_it_is_done_again_later(farm: FarmSite, offer: Offer) -> None:
    offer([SLOW])
    before = host_state(farm.tmpdir)
    with running(OurSlave(), farm) as slave:
        wait_until(_slow_test_runs, "the slow test")
        slave.interrupt()
        wait_until(lambda: "interrupt" in slave.said.lower(), "the slave's notice of the first interrupt")
        slave.interrupt()
        slave.end()
    assert not _slow_test_runs()
    assert farm.results() == {}
    assert not left_over(before, farm.tmpdir, marks=_marks(farm))
    with running(OurSlave(), farm):
        wait_until(lambda: set(farm.results()) == {"pass/slow_1.log"}, "the result of the second attempt")
    assert farm.results() == farm.sent()
