"""The tables as data: their columns and keys, read from the one description that makes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from piufarm.store.sql.schema import TABLES

_TABLE: Final = re.compile(r"CREATE TABLE (\w+) \((.*?)\n\)", re.DOTALL)
_COLUMN: Final = re.compile(r"^    ([a-z_]\w*) (?:INTEGER|TEXT)\b", re.MULTILINE)
_OWN_KEY: Final = re.compile(r"^    (\w+) \w+ PRIMARY KEY", re.MULTILINE)
_KEY: Final = re.compile(r"^    PRIMARY KEY \((.*?)\)", re.MULTILINE)
_NUMBERED: Final = re.compile(r"^    id INTEGER PRIMARY KEY", re.MULTILINE)


class Table(NamedTuple):
    """A table. `numbered`: the database gives each new row an `id`."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    numbered: bool


def tables() -> Mapping[str, Table]:
    """All tables by name; each comes after those that it refers to."""
    return {name: _table(name, body) for name, body in _TABLE.findall(TABLES)}


def _table(name: str, body: str) -> Table:
    own, shared = _OWN_KEY.search(body), _KEY.search(body)
    key = (own[1],) if own else tuple(shared[1].split(", ")) if shared else ()
    return Table(name, tuple(_COLUMN.findall(body)), key, _NUMBERED.search(body) is not None)
