"""What PostgreSQL's errors mean to an administrator."""

from __future__ import annotations

import re
from typing import Final

import psycopg2

from piufarm.store.errors import StoreError
from piufarm.store_url import without_password

# by SQLSTATE or its class (PostgreSQL documentation, appendix A)
_NEXT_STEPS: Final = {
    "53100": "make room on the file system of the database server; what it held is intact",
    "53": "the database server lacks memory or connections: see its log",
    "42501": "let the account own the database, or grant it what the tables need",
    "25006": "the server is a standby, or its file system is read-only: let the key `state` name the primary",
    "55P03": "another process holds what this one needs for too long: see pg_stat_activity for who it is",
    "25P03": "this process was suspended for too long; it is tried again with the next request",
    "40": "two writers were in each other's way and this one gave up; it is tried again with the next request",
    "57": "the server was stopped; it is tried again with the next request",
    "08": "the connection broke; it is tried again with the next request",
    "XX": "the database is damaged: see the server's log, restore it from a backup; the logs below the section"
    " folders are intact",
}  # fmt: skip
# of errors that connecting ends with, which carry no code
_AT_CONNECT: Final = (
    (r"password authentication|no password supplied|authentication failed", "see the account and its password: in the"
     " URL, in ~/.pgpass or in the service file, and the server's pg_hba.conf"),
    (r"pg_hba\.conf", "let the server's pg_hba.conf admit this host and account"),
    (r'role ".*" does not exist', "make the account: `createuser NAME` as the account postgres of the server"),
    (r'database ".*" does not exist', "make the database: `createdb --owner NAME DATABASE` as postgres of the server"),
    (r"definition of service", "see ~/.pg_service.conf or PGSERVICEFILE"),
    (r"too many|remaining connection slots", "raise max_connections of the server, or let fewer slaves come at once"),
    (r"refused|No such file|Is the server running|could not translate|timeout|starting up|accepting|shutting down",
     "see whether the database server runs and whether the key `state` names it"),
)  # fmt: skip
_PASSING: Final = re.compile(
    r"too many|remaining connection slots|starting up|not (yet )?accepting|in recovery|shutting down"
)


def passes_soon(error: psycopg2.Error) -> bool:
    """Whether connecting failed for a reason that may be gone in seconds: all connections taken, a server starting."""
    return bool(_PASSING.search(str(error)))


def store_error(place: str, error: psycopg2.Error) -> StoreError:
    """The error for people; `place` says which database, without a password."""
    text = without_password(" ".join(str(error).split()))  # a URL that cannot be read is in the message
    return StoreError(f"store {place}: {text}", hint=_next_step(error, text))


def _next_step(error: psycopg2.Error, text: str) -> str | None:
    code = error.pgcode or ""
    if code:
        return _NEXT_STEPS.get(code, _NEXT_STEPS.get(code[:2]))
    for pattern, hint in _AT_CONNECT:
        if re.search(pattern, text):
            return hint
    return _NEXT_STEPS["08"] if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) else None
