"""The store: what the farm knows, in a database; log files are a view of it. `open_store` picks the database by URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from piufarm.errors import ConfigError
from piufarm.store.errors import StoreError, StoreMissing
from piufarm.store.model import Store
from piufarm.store.sql.database import Database
from piufarm.store_url import EXPECTED, SQLITE, split_store_url, without_password

__all__ = ["StoreError", "StoreMissing", "open_database", "open_store"]


def open_store(url: str, *, create: bool = True) -> Store:
    """The store at a URL such as sqlite:///var/lib/piuparts/master/piufarm.sqlite, made if missing and `create`.

    One thread uses it at a time. Raises StoreError if it is missing, damaged or of a newer version, ConfigError if
    no database speaks such a URL.
    """
    from piufarm.store.sql.store import SqlStore

    return SqlStore(open_database(url, create=create))


def open_database(url: str, *, create: bool, any_version: bool = False) -> Database:
    """The database behind a store, for who has to do with all of its tables; see `open_store`."""
    try:
        parts = split_store_url(url)
    except ValueError:
        raise ConfigError(f"state: no store behind {without_password(url)!r}", hint=f"write {EXPECTED}") from None
    if parts.scheme == SQLITE:
        from piufarm.store.sqlite.database import SqliteDatabase

        return SqliteDatabase(Path("/" + unquote(parts.path).lstrip("/")), create=create, any_version=any_version)
    try:
        from piufarm.store.postgresql.database import PostgresqlDatabase
    except ImportError as error:
        raise StoreError(f"store {without_password(url)}: {error}", hint="apt install python3-psycopg2") from error
    return PostgresqlDatabase(url, create=create, any_version=any_version)
