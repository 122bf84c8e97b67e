"""`piufarm master session` as a program: what sshd starts and what an administrator reads afterwards."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from piufarm.run import PIPE, run, spawn
from tests.master.office import Office
from tests.support.clone import PIUFARM


def _reason(office: Office) -> str:
    """The one line of the farm's error log."""
    (line,) = (office.master_directory / "master-error.log").read_text().splitlines()
    return line


def test_a_good_session_ends_with_status_0_and_says_nothing_else(office: Office) -> None:
    completed = office.session("section sid\n")
    assert (completed.status, completed.stdout, completed.stderr) == (0, b"hello\nok\n", b"")
    assert not (office.master_directory / "master-error.log").exists()


def test_garbage_is_told_in_one_line_and_never_as_a_traceback(office: Office) -> None:
    completed = office.session("section sid\nfrobnicate\n", "--slave", "worker1")
    assert (completed.status, completed.stdout) == (1, b"hello\nok\n")
    (line,) = completed.stderr.decode().splitlines()
    assert line.startswith("piufarm master session: unknown command")
    assert "worker1/" in _reason(office)
    assert "unknown command" in _reason(office)


def test_a_broken_configuration_ends_the_session_before_the_greeting(office: Office) -> None:
    office.config.write_text("[sid\n")
    completed = office.session("section sid\n")
    assert (completed.status, completed.stdout) == (1, b"")
    assert len(completed.stderr.splitlines()) == 1


def test_a_result_is_accepted_even_if_nobody_can_see_it_yet(office: Office) -> None:
    office.files.root.mkdir(parents=True)
    (office.files.root / "pass").write_text("in the way")
    completed = office.session("section sid\npass a 1\n x\n.\nstatus\n")
    assert completed.status == 0
    assert completed.stdout.startswith(b"hello\nok\nok\nok ")
    assert "fsck --repair" in _reason(office)
    (office.files.root / "pass").unlink()
    office.command("fsck", "--repair")
    assert (office.files.root / "pass" / "a_1.log").read_text() == "x\n"
    assert office.differences() == []


def test_a_result_is_accepted_even_if_the_sections_log_cannot_be_written(office: Office) -> None:
    (office.files.root / "master.log").mkdir(parents=True)
    completed = office.session("section sid\npass a 1\n x\n.\n")
    assert (completed.status, completed.stdout) == (0, b"hello\nok\nok\n")
    assert "master.log: Is a directory" in _reason(office)
    assert office.differences() == []


def test_a_result_is_accepted_even_if_nobody_listens_to_complaints(office: Office) -> None:
    office.files.root.mkdir(parents=True)
    (office.files.root / "pass").write_text("in the way")
    session = spawn(
        [PIUFARM, "master", "session", "--config", office.config], stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    assert session.stderr is not None
    session.stderr.close()
    out, _ = session.communicate(b"section sid\npass a 1\n x\n.\nstatus\n")
    assert session.returncode == 0
    assert out.startswith(b"hello\nok\nok\nok ")
    assert "fsck --repair" in _reason(office)


def test_a_folder_that_is_none_ends_the_session_with_one_line(office: Office) -> None:
    office.files.root.write_text("not a folder")
    completed = office.session("section sid\n")
    assert (completed.status, completed.stdout) == (1, b"hello\n")
    assert len(completed.stderr.splitlines()) == 1
    assert "Not a directory" in _reason(office)


def test_a_reserve_does_not_wait_for_an_evaluation_that_cannot_be_started(office: Office) -> None:
    office.fill("a")
    (office.master_directory / "master-error.log").mkdir()
    completed = office.session("section sid\npass a 1\n x\n.\nreserve\n")
    assert (completed.status, completed.stdout) == (0, b"hello\nok\nok\nerror\n")
    assert "cannot start the evaluation of sid" in completed.stderr.decode()


def test_a_damaged_store_ends_the_session_with_a_next_step(office: Office) -> None:
    office.store.close()
    database = office.master_directory / "piufarm.sqlite"
    content = bytearray(database.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    database.write_bytes(content)
    completed = office.session("section sid\npass a 1\n x\n.\n")
    assert completed.status == 1
    assert b"hello\nok\nok" not in completed.stdout
    assert "restore it from a backup" in _reason(office)


def test_a_store_of_a_newer_version_ends_the_session_without_a_reply(office: Office) -> None:
    with closing(sqlite3.connect(office.master_directory / "piufarm.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    completed = office.session("section sid\n")
    assert (completed.status, completed.stdout) == (1, b"hello\n")
    assert "written by a newer piufarm" in _reason(office)
    assert "upgrade piufarm" in _reason(office)


@pytest.mark.parametrize("module", ["sh", "subprocess", "paramiko", "debian", "rich", "jinja2", "socket"])
def test_a_session_does_not_load_what_it_does_not_need(office: Office, module: str) -> None:
    office.fill("a")
    program = (
        f"import runpy, sys; sys.argv = ['piufarm', 'master', 'session', '--config', {str(office.config)!r}]\n"
        f"try: runpy.run_path({str(PIUFARM)!r}, run_name='__main__')\n"
        f"except SystemExit: pass\nprint({module!r} in sys.modules)"
    )
    completed = run([sys.executable, "-c", program], input=b"section sid\nreserve\nstatus\n")
    assert completed.stdout.decode().splitlines()[2] == "ok a 1"
    assert completed.stdout.decode().splitlines()[-1] == "False"


def test_a_session_reads_no_index_of_the_archive(office: Office, tmp_path: Path) -> None:
    office.fill("a")
    trace = tmp_path / "trace"
    watch = ["strace", "-f", "-e", "trace=open,openat,connect,socket", "-o", str(trace)]
    completed = run(
        [*watch, PIUFARM, "master", "session", "--config", office.config], input=b"section sid\nreserve\n"
    )
    assert completed.stdout == b"hello\nok\nok a 1\n"
    opened = trace.read_text()
    assert "piufarm.sqlite" in opened
    assert "Packages" not in opened
    assert ".cache/indexes" not in opened
    assert "AF_INET" not in opened
