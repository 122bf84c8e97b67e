"""What a slave sees and what an administrator reads while the master's host is in trouble, and that all is well after.

Always the same: no `ok` for what is not safe, one line that says what to do, and `ok` when the slave sends it again.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from piufarm.faults import VARIABLE
from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import RemoteProtocolError
from piufarm.run import PIPE, Child, clean_environment, run, spawn
from piufarm.store.model import Standing
from tests.master.office import SID, Office, open_office
from tests.support.clone import PIUFARM
from tests.support.postgresql import PostgresqlServer, new_server
from tests.support.scripted_slave import Descriptors, ScriptedSlave
from tests.support.small_disks import SmallDisk, small_disk
from tests.support.stores import on_both_stores
from tests.support.wait import wait_until

_LOG = "".join(f" {'x' * 1000}\n" for _ in range(1500))
_RESULT = f"section sid\npass hello 1\n{_LOG}.\n"
_HELLO = (Package("hello"), Version("1"))


def _refused(office: Office, *words: str) -> None:
    """A session that brings a result and gets no `ok`; the administrator reads one line with these words in it."""
    completed = office.session(_RESULT, "--slave", "worker1")
    assert completed.status == 1, completed
    assert completed.stdout in (b"", b"hello\n", b"hello\nok\n")
    (said,) = completed.stderr.decode().splitlines()
    assert [word for word in words if word not in said] == [], said
    assert said.removeprefix("piufarm master session: ") in (office.master_directory / "master-error.log").read_text()


def _accepted(office: Office) -> None:
    """The same session when all is well again: the result is there, once, and nothing is out of order."""
    completed = office.session(_RESULT, "--slave", "worker1")
    assert completed.stdout == b"hello\nok\nok\n", completed
    found = [one for one in office.store.runs(SID, package=Package("hello")) if one.standing is Standing.CURRENT]
    assert len(found) == 1
    assert office.files.classic_of(found[0]).read_text().splitlines() == _LOG.replace(" x", "x").splitlines()
    assert [difference.text for difference in office.differences()] == []


@pytest.fixture
def log_disk(office: Office) -> Iterator[SmallDisk]:
    """The section's folder is a file system of its own, too small for the log."""
    with small_disk(office.files.root, 1024) as disk:
        yield disk


@on_both_stores
def test_a_full_disk_under_the_logs(office: Office, log_disk: SmallDisk) -> None:
    _refused(office, "No space left on device", "make room")
    assert list(log_disk.directory.rglob("*.log*")) == [log_disk.directory / "master.log"]
    run(["mount", "-o", "remount,size=8m", log_disk.directory])
    _accepted(office)


@on_both_stores
def test_a_read_only_disk_under_the_logs(office: Office, log_disk: SmallDisk) -> None:
    run(["mount", "-o", "remount,size=8m", log_disk.directory])
    office.session("section sid\npass other 1\n x\n.\n")
    log_disk.make_read_only()
    completed = office.session(_RESULT)
    assert (completed.status, completed.stdout) == (1, b"hello\nok\n")
    journal, reason = completed.stderr.decode().splitlines()
    assert "master.log: Read-only file system" in journal
    assert "Read-only file system" in reason
    log_disk.make_writable()
    _accepted(office)


@pytest.fixture
def store_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Where the store of `crowded` lies."""
    with small_disk(tmp_path / "state", 2048) as disk:
        yield disk


@pytest.fixture
def crowded(store_disk: SmallDisk, tmp_path: Path) -> Iterator[Office]:
    """A master whose SQLite file is on a small file system."""
    office = open_office(tmp_path, state=f"sqlite://{store_disk.directory}/farm.sqlite")
    yield office
    office.store.close()


def test_a_full_disk_under_the_sqlite_file(crowded: Office, store_disk: SmallDisk) -> None:
    store_disk.fill()
    _refused(crowded, "make room on its file system")
    store_disk.make_room()
    _accepted(crowded)


def test_a_read_only_disk_under_the_sqlite_file(crowded: Office, store_disk: SmallDisk) -> None:
    crowded.session("section sid\npass other 1\n.\n")
    crowded.store.close()
    store_disk.make_read_only()
    _refused(crowded, "see whether this user may write the file and its folder")
    store_disk.make_writable()
    _accepted(open_office(crowded.directory, state=f"sqlite://{store_disk.directory}/farm.sqlite"))


def test_a_disk_that_is_not_mounted_is_not_taken_for_a_new_farm(crowded: Office, store_disk: SmallDisk) -> None:
    """Results in a new store would be out of sight as soon as the old one is back."""
    crowded.session("section sid\npass other 1\n.\n")
    crowded.store.close()
    file = store_disk.directory / "farm.sqlite"
    away = crowded.directory / "away"
    shutil.move(file, away)
    _refused(crowded, "no store at", "fsck --from-files")
    refreshed = crowded.command("refresh")
    assert refreshed.status == 3
    assert "fsck --from-files" in refreshed.stderr.decode()
    assert not file.exists()
    shutil.move(away, file)
    _accepted(open_office(crowded.directory, state=f"sqlite://{file}"))


def test_a_sqlite_file_that_was_overwritten(office: Office) -> None:
    office.session("section sid\npass other 1\n.\n")
    office.store.close()
    file = office.master_directory / "piufarm.sqlite"
    good = file.read_bytes()
    file.write_bytes(b"not what it was " * 100)
    _refused(office, "not a database", "restore it from a backup")
    file.write_bytes(good)
    _accepted(open_office(office.directory))


class _LiveSession:
    """A session that goes on while things happen to the host."""

    def __init__(self, office: Office) -> None:
        command: list[str | Path] = [PIUFARM, "master", "session", "--slave", "worker1", "--config", office.config]
        self._child: Child = spawn(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=clean_environment())
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        stream = Descriptors(self._child.stdout.fileno(), os.dup(self._child.stdin.fileno()))
        self.slave = ScriptedSlave(stream)
        assert self.slave.select("sid")

    def is_cut_off(self) -> str:
        """Send a result; there is no reply, the session ends. What it said at its end."""
        with pytest.raises((RemoteProtocolError, BrokenPipeError)):
            self.slave.report(Outcome.PASS, _HELLO, _LOG.encode())
        assert self._child.stdin is not None
        assert self._child.stderr is not None
        self._child.stdin.close()
        said = self._child.stderr.read().decode()
        assert self._child.wait() == 1
        self._child.stderr.close()
        return said

    def end(self) -> int:
        """Say goodbye."""
        assert self._child.stdin is not None
        assert self._child.stderr is not None
        self.slave.hang_up()
        self._child.stdin.close()
        self._child.stderr.close()
        return self._child.wait()


def test_a_sqlite_file_that_is_replaced_under_a_session(office: Office) -> None:
    session = _LiveSession(office)
    file = office.master_directory / "piufarm.sqlite"
    copy = office.directory / "copy"
    shutil.copy(file, copy)
    copy.replace(file)
    assert "was moved away or replaced while it was in use" in session.is_cut_off()
    for name in ("piufarm.sqlite-wal", "piufarm.sqlite-shm"):
        (office.master_directory / name).unlink(missing_ok=True)
    _accepted(open_office(office.directory))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    """A server that these tests may stop, kill and leave without room."""
    with new_server() as server:
        yield server


@pytest.fixture
def remote(server: PostgresqlServer, tmp_path: Path) -> Iterator[Office]:
    """A master whose store is in that server."""
    office = open_office(tmp_path, state=server.new_database())
    yield office
    office.store.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_postgresql_server_that_goes_and_comes_back(
    remote: Office, server: PostgresqlServer, how: signal.Signals
) -> None:
    session = _LiveSession(remote)
    server.stop(how)
    try:
        said = session.is_cut_off()
        assert len(said.splitlines()) == 1
        _refused(remote, "see whether the database server runs")
    finally:
        server.start()
    _accepted(remote)


@pytest.mark.parametrize("point, answers", [("run.inserted", b"hello\nok\n"), ("intake.recorded", b"hello\nok\nok\n")])
def test_a_postgresql_server_that_is_killed_within_and_right_after_a_commit(
    remote: Office, server: PostgresqlServer, point: str, answers: bytes
) -> None:
    command: list[str | Path] = [PIUFARM, "master", "session", "--slave", "worker1", "--config", remote.config]
    session = spawn(command, stdin=PIPE, stdout=PIPE, env=clean_environment(**{VARIABLE: f"{point}:stop"}))
    assert session.stdin is not None
    assert session.stdout is not None
    session.stdin.write(_RESULT.encode())
    session.stdin.close()
    wait_until(lambda: _is_stopped(session), f"the session's arrival at {point}")
    server.stop(signal.SIGKILL)
    server.start()
    session.send_signal(signal.SIGCONT)
    assert session.stdout.read() == answers
    session.stdout.close()
    session.wait()
    assert len(list(remote.store.runs(SID))) == answers.count(b"ok") - 1
    _accepted(remote)


def _is_stopped(process: Child) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_session_outlives_a_restart_of_the_server(remote: Office, server: PostgresqlServer) -> None:
    session = _LiveSession(remote)
    server.stop()
    server.start()
    session.slave.report(Outcome.PASS, _HELLO, _LOG.replace(" x", "x").encode())
    assert session.end() == 0
    _accepted(remote)


def test_a_full_disk_under_the_postgresql_server(tmp_path: Path) -> None:
    with new_server(kilobytes=80_000) as crowded:
        office = open_office(tmp_path, state=crowded.new_database())
        office.session("section sid\npass other 1\n.\n")
        disk = SmallDisk(crowded.directory)
        disk.fill()
        _refused(office, "store postgresql://")
        disk.make_room()
        crowded.stop()  # out of room for its own log it may have ended by itself
        crowded.start()
        _accepted(office)
        office.store.close()


@pytest.mark.parametrize("descriptors", range(4, 14, 2))
def test_too_few_file_descriptors(office: Office, descriptors: int) -> None:
    office.session("section sid\npass other 1\n.\n")
    limit = f"--nofile={descriptors}:{descriptors}"
    command: list[str | Path] = ["prlimit", limit, PIUFARM, "master", "session", "--config", office.config]
    completed = run(command, input=_RESULT.encode(), check=False)
    assert completed.status == 0 or completed.stdout != b"hello\nok\nok\n"
    assert b"Traceback" not in completed.stderr or b"hello" not in completed.stdout, completed.stderr.decode()
    assert len(completed.stderr.splitlines()) < 4 or b"hello" not in completed.stdout
    _accepted(office)


@on_both_stores
def test_a_clock_that_is_set_back(office: Office) -> None:
    office.fill("hello", "other")
    hour = timedelta(hours=1)
    assert office.converse("section sid\nreserve\n", slave="early", later=hour)[-1].startswith("ok ")
    answers = office.converse("section sid\nreserve\nreserve\nidle\n", slave="late")
    assert answers[-2:] == ["error", "ok 60"]
    assert office.converse("section sid\nfail hello 1\n first\n.\n", slave="early", later=hour)[-1] == "ok"
    assert office.converse("section sid\npass other 1\n.\n", slave="late")[-1] == "ok"
    current = {one.package: one.outcome for one in office.store.runs(SID) if one.standing is Standing.CURRENT}
    assert current == {"hello": Outcome.FAIL, "other": Outcome.PASS}
    assert office.differences() == []
