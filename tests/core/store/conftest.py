"""Every test of the contract gets a fresh, empty store; another database joins by another parameter here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from piufarm.store import open_store
from piufarm.store.model import Store


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet."""
    match request.param:
        case "sqlite":
            return f"sqlite://{tmp_path}/farm.sqlite"
        case other:
            raise AssertionError(other)


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
