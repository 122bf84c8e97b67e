"""The databases of a campaign, and what may happen to them while everybody works."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from tests.support.postgresql import PostgresqlServer, new_server

SQLITE: Final = "sqlite"
KINDS: Final = (SQLITE, "postgresql")
BACKEND: Final = "a backend of PostgreSQL"
SERVER: Final = "the server of PostgreSQL"


@dataclass(frozen=True)
class Accident:
    """Something that happens to the database; `happen` returns whether it did."""

    name: str
    happen: Callable[[], bool]


@dataclass(frozen=True)
class Database:
    """Where the store is, and the accidents that it may have."""

    state: str
    moves_to: Callable[[], Sequence[str]]  # where the store may go, one after the other; the last is of its kind
    accidents: Sequence[Accident] = ()


@contextmanager
def database(kind: str, directory: Path, chance: Random) -> Iterator[Database]:
    """A new, empty database while the block runs."""
    files = (f"sqlite://{directory}/farm-{number}.sqlite" for number in count())
    if kind == SQLITE:
        yield Database(next(files), lambda: [next(files)])
        return
    with new_server() as server:
        backend = Accident(BACKEND, lambda: _kill_a_backend(server, chance))
        whole = Accident(SERVER, lambda: _kill(server))
        yield Database(
            server.new_database(), lambda: [next(files), server.new_database()], (backend, backend, whole)
        )


def _kill_a_backend(server: PostgresqlServer, chance: Random) -> bool:
    """kill -9 of one that serves a client: the server ends all the others and recovers."""
    backends = [process for process in server.children() if "[local]" in _title(process)]
    if not backends:
        return False
    os.kill(chance.choice(backends), signal.SIGKILL)
    server.wait()
    return True


def _kill(server: PostgresqlServer) -> bool:
    server.stop(signal.SIGKILL)
    server.start()
    return True


def _title(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""
