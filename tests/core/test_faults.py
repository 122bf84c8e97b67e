"""Fault points: what they do when they are asked to, and that nobody but a tester can ask."""

from __future__ import annotations

import errno
import signal
import sys
from pathlib import Path

import pytest

from demo.sshd import ssh_server
from piufarm.errors import UsageError
from piufarm.faults import VARIABLE, Plan, plan
from piufarm.run import Completed, run
from tests.support.clone import CLONE, PIUFARM
from tests.support.ssh import SshDoor

_PROGRAM = """
from piufarm.faults import fault_point
for name in ("first", "second", "second", "third"):
    try:
        fault_point(name)
    except OSError as error:
        print(name, error.errno)
print("the end")
"""


def _run(faults: str, **environment: str) -> Completed:
    variables = {"PYTHONPATH": str(CLONE), VARIABLE: faults, **environment}
    return run([sys.executable, "-c", _PROGRAM], env=variables, check=False)


def test_without_the_variable_points_do_nothing() -> None:
    assert _run("").stdout == b"the end\n"


@pytest.mark.parametrize("faults", ["second:kill:2", "*:kill:3"])
def test_a_point_kills_the_process_at_the_passage_that_was_asked_for(faults: str, tmp_path: Path) -> None:
    completed = _run(f"{faults} trace={tmp_path}/trace")
    assert (completed.status, completed.stdout) == (-signal.SIGKILL, b"")
    assert (tmp_path / "trace").read_text().split() == ["first", "second", "second"]


def test_a_point_fails_like_a_full_or_a_broken_disk() -> None:
    completed = _run("first:enospc third:eio")
    assert completed.stdout.decode().splitlines() == [f"first {errno.ENOSPC}", f"third {errno.EIO}", "the end"]


@pytest.mark.parametrize("faults", ["first", "first:explode", "first:kill:soon"])
def test_a_plan_that_cannot_be_read_is_refused(faults: str) -> None:
    with pytest.raises(UsageError, match=VARIABLE):
        Plan(faults)


def test_a_process_that_sshd_has_started_has_no_plan() -> None:
    assert plan({VARIABLE: "first:kill", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}) is None
    assert plan({VARIABLE: "first:kill"}) is not None


def test_a_client_cannot_kill_its_session_even_where_sshd_takes_every_variable(tmp_path: Path) -> None:
    config = tmp_path / "piuparts.conf"
    config.write_text(f"[global]\nmaster-directory = {tmp_path}/master\n[sid]\ndistro = sid\n")
    session = f"env > {tmp_path}/environment; {PIUFARM} master session --config {config}"
    with ssh_server(tmp_path / "ssh", settings="AcceptEnv *") as server:
        door = SshDoor(server, tmp_path / "ssh")
        door.admit("worker", session)
        client = tmp_path / "ssh_config"
        sent = f"    SetEnv {VARIABLE}=*:kill SSH_CONNECTION=\n"
        client.write_text(door.client_config(door.identity("worker")) + sent)
        completed = run(["ssh", "-F", client, "farm-master"], input=b"section sid\n", check=False)
    assert f"{VARIABLE}=*:kill" in (tmp_path / "environment").read_text()
    assert completed.stdout == b"hello\nok\n"
