"""The simulated farm notices a master that lets slaves, or packages, wait for too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from bench.simulator.ledger import Violation
from bench.simulator.office import SECTION, configure, fill
from bench.simulator.patience import PACKAGE_SECONDS, SLAVE_SECONDS, Patience
from bench.simulator.world import World
from piufarm.store import open_store
from piufarm.store.model import Reservation, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    configuration = configure(tmp_path)
    fill(configuration, 1, 1)
    with closing(open_store(configuration.farm.state)) as opened:
        yield opened


@pytest.fixture
def patience(store: Store) -> Patience:
    return Patience(World(Random(1)), store, Counter())


def _take(store: Store, patience: Patience) -> Reservation:
    now = patience.world.now()
    found = store.reserve(SECTION, owner="other", now=now, deadline=now + timedelta(days=9))
    assert found is not None
    return found


def test_a_slave_that_gets_nothing_for_too_long_although_a_package_is_free_is_noticed(patience: Patience) -> None:
    patience.in_vain("slave")
    patience.world.seconds = SLAVE_SECONDS
    patience.in_vain("slave")
    assert patience.longest_wait == SLAVE_SECONDS
    patience.world.seconds += 1
    with pytest.raises(Violation, match="slave asks for 4801 s and gets nothing"):
        patience.in_vain("slave")


def test_a_slave_may_wait_for_as_long_as_nothing_is_free(store: Store, patience: Patience) -> None:
    _take(store, patience)
    for _ in range(2):
        patience.in_vain("slave")
        patience.world.seconds += 2 * SLAVE_SECONDS
    assert patience.longest_wait == 0


def test_a_package_that_is_kept_for_a_slave_that_has_lost_it_is_noticed(store: Store, patience: Patience) -> None:
    one = _take(store, patience)
    job = one.package, one.version
    patience.look_at_what_is_held({"other": []})
    patience.world.seconds = PACKAGE_SECONDS + 1
    patience.look_at_what_is_held({"other": [job]})
    patience.look_at_what_is_held({"other": []})
    patience.world.seconds *= 2
    with pytest.raises(Violation, match=f"{one.package}.* is held by other, which has not known of it for"):
        patience.look_at_what_is_held({"other": []})
