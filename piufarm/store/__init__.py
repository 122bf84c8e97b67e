"""The store: what the farm knows, in a database; log files are a view of it. `open_store` picks the database by URL."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from piufarm.errors import ConfigError
from piufarm.store.errors import StoreError
from piufarm.store.model import Store

__all__ = ["StoreError", "open_store"]

_SQLITE: Final = "sqlite"


def open_store(url: str, *, create: bool = True) -> Store:
    """The store at a URL such as sqlite:///var/lib/piuparts/master/piufarm.sqlite, made if missing and `create`.

    One thread uses it at a time. Raises StoreError if it is missing, damaged or of a newer version, ConfigError if
    no database speaks such a URL.
    """
    parts = urlsplit(url)
    if parts.scheme == _SQLITE and not parts.netloc and parts.path.strip("/"):
        from piufarm.store.sql.store import SqlStore
        from piufarm.store.sqlite.database import SqliteDatabase

        return SqlStore(SqliteDatabase(Path("/" + unquote(parts.path).lstrip("/")), create=create))
    raise ConfigError(
        f"state: no store behind {url!r}", hint="write sqlite:// and an absolute path, as in sqlite:///var/lib/x.sqlite"
    )
