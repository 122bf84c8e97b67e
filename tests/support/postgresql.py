"""Debian's PostgreSQL, started for the tests alone: on a Unix socket in its own folder, as the account postgres."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from piufarm.run import Child, clean_environment, run, spawn
from piufarm.store.postgresql.connection import SCHEMA
from tests.support.small_disks import small_disk
from tests.support.wait import wait_until

_ACCOUNT: Final = "postgres"  # the server refuses to run as root
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",  # tests kill the server, not the machine
    "full_page_writes": "off",
    "autovacuum": "off",  # which comes and goes, in the way of tests that look for processes left over
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
    "max_connections": "40",
    "log_min_messages": "fatal",
}
# As an administrator has it who follows the documentation: for measurements.
_DURABLE: Final = {
    "listen_addresses": "",
    "max_connections": "200",
    "min_wal_size": "1GB",
    "log_min_messages": "fatal",
}
_LOG_FILES: Final = 48  # of 16 MB each


@dataclass
class PostgresqlServer:
    """A server that is started and stopped at will; its data stay."""

    directory: Path
    programs: Path
    settings: Mapping[str, str] = field(default_factory=lambda: _SETTINGS)
    _process: Child | None = None
    _names: Iterator[int] = field(default_factory=count)

    @property
    def data(self) -> Path:
        """The server's files."""
        return self.directory / "data"

    def url(self, database: str, *, account: str = _ACCOUNT) -> str:
        """How to reach a database."""
        return f"postgresql://{account}@/{database}?host={self.directory}"

    def new_database(self) -> str:
        """The URL of a new database."""
        name = f"test{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def cleared(self, url: str) -> str:
        """The URL of a database, without any table; whoever was connected to it is not any more."""
        self.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{parse_dsn(url)['dbname']}'"
        )
        self.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE", url=url)
        return url

    def execute(self, statement: str, *, url: str = "") -> list[tuple[object, ...]]:
        """Run a statement outside of any transaction, as the administrator; returns what it has found."""
        with closing(psycopg2.connect(url or self.url("postgres"))) as connection:
            connection.autocommit = True
            with closing(connection.cursor()) as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        command: list[str | Path] = [self.programs / "postgres", "-D", self.data, "-k", self.directory, *options]
        with (self.directory / "server.log").open("ab") as log:
            self._process = spawn([*_as_postgres(), *command], env=clean_environment(), stdout=log, stderr=log)
        self.wait()

    def wait(self) -> None:
        """Until the server answers, after a start or a crash."""
        wait_until(self._answers, f"the server's answer, see {self.directory}/server.log")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT cuts all connections off, SIGKILL leaves everything as it is."""
        if self._process is not None:
            children = self.children()
            self._process.send_signal(how)
            self._process.wait()
            self._process = None
            wait_until(lambda: not any(map(_is_there, children)), "the end of the server's processes")

    def children(self) -> list[int]:
        """The server's processes: those that serve clients, and its own."""
        assert self._process is not None
        listed = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(word) for word in listed.split()]

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg2.OperationalError:
            return False
        return True


def _is_there(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def _as_postgres() -> tuple[str, ...]:
    account = pwd.getpwnam(_ACCOUNT)
    ids = ("--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups")
    return ("setpriv", *ids, "--")


def _newest_programs() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    assert installed, "no PostgreSQL server: bin/packages install test"
    return installed[-1].parent


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A server for the whole test run; each test makes itself a database in it."""
    with new_server() as server:
        yield server


@contextmanager
def durable_server() -> Iterator[PostgresqlServer]:
    """A server that syncs what it promises, and cleans up as it does on a farm, while the block runs.

    Its log has the files that `min_wal_size` keeps for later use, as if it had been at work for some time.
    """
    with new_server(_DURABLE) as server:
        for _ in range(_LOG_FILES):
            server.execute("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()")
        server.execute("CHECKPOINT")
        yield server


@contextmanager
def new_server(
    settings: Mapping[str, str] = _SETTINGS, *, kilobytes: int | None = None
) -> Iterator[PostgresqlServer]:
    """A server of one's own while the block runs; if asked for, on a file system of that size."""
    directory = Path(tempfile.mkdtemp(prefix="piufarm-pg-"))  # sockets have short paths only
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, directory)
        if kilobytes is not None:
            stack.enter_context(small_disk(directory, kilobytes))
        account = pwd.getpwnam(_ACCOUNT)
        os.chown(directory, account.pw_uid, account.pw_gid)
        directory.chmod(0o755)
        server = PostgresqlServer(directory, _newest_programs(), settings)
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        options += ["--wal-segsize=1"] if kilobytes is not None else []
        run([*_as_postgres(), server.programs / "initdb", "-D", server.data, *options], cwd=directory)
        stack.callback(server.stop)
        server.start()
        yield server
