"""A slave account without rights does the same work, its chroots made by schroot; and leaves as little behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from demo.debs import DebSpec
from tests.farm.packages import FAILING, PASSING, SLOW, SLOW_MARK
from tests.support.accounts import Account
from tests.support.host import host_state, left_over, processes_with
from tests.support.programs import UnprivilegedSlave, running
from tests.support.site import FarmSite
from tests.support.wait import wait_until

pytestmark = pytest.mark.farm


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that other accounts can reach; pytest's own is closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="piufarm-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_an_unprivileged_slave_is_killed_and_goes_on_without_leaving_or_losing_anything(
    farm: FarmSite,
    offer: Callable[[Iterable[DebSpec]], None],
    unprivileged_account: Account,
    readable_clone: Path,
) -> None:
    slave = UnprivilegedSlave(unprivileged_account, readable_clone)
    slave.configure(farm)
    offer([*PASSING, *FAILING, SLOW])
    slave.set_up(farm)
    before = host_state(farm.tmpdir)
    marks = (str(farm.directory), SLOW_MARK)
    with running(slave, farm) as worker:
        wait_until(lambda: processes_with(SLOW_MARK) != [], "the slow test", seconds=120)
        worker.kill()
    assert not left_over(before, farm.tmpdir, marks=marks)
    with running(slave, farm):
        wait_until(lambda: len(farm.results()) == 5, "the results of all packages", seconds=120)
    assert sorted(farm.results()) == [
        "fail/broken-postinst_1.log",
        "fail/leftover_1.log",
        "pass/slow_1.log",
        "pass/tidy-too_1:2.0-1.log",
        "pass/tidy_1.log",
    ]
    assert farm.results() == farm.sent()
    assert not left_over(before, farm.tmpdir, marks=marks)
