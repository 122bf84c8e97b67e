"""Getting a connection, with the settings that the store relies on."""

from __future__ import annotations

import random
import time
from typing import Any, Final

import psycopg2
from psycopg2.extensions import new_type, parse_dsn, register_type

from piufarm.store.postgresql.errors import passes_soon

SCHEMA: Final = "piufarm"  # holds all our tables, so that they are in nobody's way in a database that has others

_PATIENCE_SECONDS: Final = 10.0  # while all connections are taken, or the server is just starting
_NUMERIC: Final = 1700  # the type of sums; ours are whole numbers
_LOCK_WAIT: Final = "30s"
_IDLE_IN_TRANSACTION: Final = "60s"  # of a suspended process, which would hold up all the others
_DEFAULTS: Final = {
    "application_name": "piufarm",
    "connect_timeout": "10",
    "tcp_user_timeout": "30000",  # ms until a server that is gone without a word is given up
    "keepalives_idle": "30",  # s until a silent one is asked whether it is there
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
# for the server, which otherwise keeps the locks of a master host that lost its power for hours
_SESSION: Final = {
    "idle_session_timeout": "0",  # a named lock belongs to a connection on which nothing else happens
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


def connect(url: str, *, may_idle: bool = False) -> Any:
    """A connection of psycopg2 without a transaction. Raises psycopg2.Error.

    `may_idle` lets a transaction rest for as long as the reader of its rows needs.
    """
    parameters = _DEFAULTS | parse_dsn(url)
    settings = _SESSION | {
        "search_path": SCHEMA,
        "synchronous_commit": "on",  # `ok` to a slave means that the result is on disk
        "jit": "off",  # no query here is worth compiling
        "max_parallel_workers_per_gather": "0",  # what reads much must not crowd out those who read little
        "lock_timeout": _LOCK_WAIT,
        "idle_in_transaction_session_timeout": "0" if may_idle else _IDLE_IN_TRANSACTION,
    }
    ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
    parameters["options"] = f"{parameters.get('options', '')} {ours}".strip()
    connection = _connect_patiently(parameters)
    connection.autocommit = True
    connection.set_client_encoding("UTF8")
    register_type(new_type((_NUMERIC,), "SUM", _whole_number), connection)
    return connection


def _connect_patiently(parameters: dict[str, str]) -> Any:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    pause = 0.05
    while True:
        try:
            return psycopg2.connect(**parameters)
        except psycopg2.OperationalError as error:
            if time.monotonic() + pause > deadline or not passes_soon(error):
                raise
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(2 * pause, 1.0)


def _whole_number(text: str | None, _: object) -> int | None:
    return None if text is None else int(text)
