"""The number that a store carries: which schema it has, or why nobody may use it."""

from __future__ import annotations

from typing import Final

from piufarm.store.errors import StoreError
from piufarm.store.sql.schema import SCHEMA_VERSION

INCOMPLETE: Final = -1  # it is being filled from another store
MOVED: Final = -2  # all that it holds is in another store now


def check_version(version: int, place: str) -> None:
    """Raises StoreError if a store of this version cannot be used by this program."""
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{place} was written by a newer piufarm (schema {version}, this one knows {SCHEMA_VERSION})",
            hint="upgrade piufarm on this host",
        )
    if version == INCOMPLETE:
        raise StoreError(
            f"{place} is incomplete: another store was being moved there",
            hint="run `piufarm master move-state` again, with the key `state` naming the other one",
        )
    if version == MOVED:
        raise StoreError(f"{place} has moved to another store", hint="let the key `state` name that one")
