"""An empty store for each test; `@on_both_stores` lets it, or a module by its `pytestmark`, run on either kind."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.support.postgresql import PostgresqlServer

STORE_KINDS: Final = ("sqlite", "postgresql")
on_both_stores: Final = pytest.mark.parametrize("store_kind", STORE_KINDS, indirect=True)


@pytest.fixture
def store_kind(request: pytest.FixtureRequest) -> str:
    """What the test's store is in: SQLite, unless the test says something else."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def store_url(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet."""
    if store_kind == "sqlite":
        return f"sqlite://{tmp_path}/farm.sqlite"
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    return server.cleared(request.getfixturevalue("postgresql_database"))


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: PostgresqlServer) -> str:
    """The URL of the one database that tests have after each other: a new one for each would cost 0.2 s."""
    return postgresql_server.new_database()
