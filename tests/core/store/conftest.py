"""Every test of the contract gets a fresh, empty store, once in each kind of database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from piufarm.store import open_store
from piufarm.store.model import Store
from tests.support.stores import STORE_KINDS


@pytest.fixture(params=STORE_KINDS)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Every test of the contract runs on each kind of store."""
    return str(request.param)


@pytest.fixture
def another_store(store_url: str) -> Iterator[Callable[[], Store]]:
    """Opens the same store again, as another process would."""
    opened: list[Store] = []

    def open_another() -> Store:
        opened.append(open_store(store_url))
        return opened[-1]

    yield open_another
    for store in opened:
        store.close()


@pytest.fixture
def store(another_store: Callable[[], Store]) -> Store:
    """An empty store."""
    return another_store()
