"""Letting slaves in: one key, one name, one command, nothing else."""

from __future__ import annotations

import os
import shlex
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.sshd import make_key
from piufarm.run import Completed, run
from tests.master.office import Office


@pytest.fixture
def authorized_keys(tmp_path: Path) -> Path:
    """Where the lines go; neither the file nor its folder exists yet."""
    return tmp_path / "ssh" / "authorized_keys"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A slave's public key."""
    return make_key(tmp_path / "id_worker1", "somebody@worker")


def _add(office: Office, authorized_keys: Path, name: str, key: Path, *words: str) -> Completed:
    return office.command("add-slave", name, str(key), "--authorized-keys", str(authorized_keys), *words)


def test_a_line_lets_one_key_run_one_command(office: Office, authorized_keys: Path, key: Path) -> None:
    completed = _add(office, authorized_keys, "worker1", key, "--sections", "sid", "book*")
    assert completed.status == 0, completed.stderr
    assert completed.stderr.decode() == f"  no section of {office.config} is called book* yet\n"
    (line,) = authorized_keys.read_text().splitlines()
    options, _, rest = line.partition(' ssh-ed25519 ')
    assert options.startswith('restrict,command="')
    words = shlex.split(options.removeprefix('restrict,command="').removesuffix('"'))
    assert words[-8:] == [
        "session", "--slave", "worker1", "--sections", "sid", "book*", "--config", str(office.config),
    ]  # fmt: skip
    assert rest.split()[0] == key.read_text().split()[1]
    fingerprint = run(["ssh-keygen", "-lf", key]).stdout.decode().split()[1]
    assert fingerprint in completed.stdout.decode()
    assert stat.S_IMODE(authorized_keys.stat().st_mode) == 0o600
    assert stat.S_IMODE(authorized_keys.parent.stat().st_mode) == 0o700


def test_a_folder_made_for_another_account_is_that_accounts(office: Office, key: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 4711, 4712)
    file = home / ".ssh" / "authorized_keys"
    assert _add(office, file, "worker1", key).status == 0
    assert [(path.stat().st_uid, path.stat().st_gid) for path in (file.parent, file)] == [(4711, 4712)] * 2


def test_the_command_of_the_line_starts_a_session(office: Office, authorized_keys: Path, key: Path) -> None:
    _add(office, authorized_keys, "worker1", key)
    command = authorized_keys.read_text().partition('command="')[2].partition('" ')[0]
    completed = run(shlex.split(command), input=b"section sid\npass a 1\n.\n")
    assert completed.stdout == b"hello\nok\nok\n"
    assert [run_.slave for run_ in office.store.runs(office.section.name)] == ["worker1"]


def test_lines_of_others_stay_as_they_are(office: Office, authorized_keys: Path, key: Path, tmp_path: Path) -> None:
    authorized_keys.parent.mkdir()
    kept = "# admins\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ admin@héad"
    authorized_keys.write_text(kept)
    _add(office, authorized_keys, "worker1", key)
    other = make_key(tmp_path / "id_worker2", "other")
    _add(office, authorized_keys, "worker2", other)
    text = authorized_keys.read_text()
    assert text.startswith(f"{kept}\n")
    assert [name in text for name in ("--slave worker1 ", "--slave worker2 ")] == [True, True]


def test_slaves_that_are_let_in_at_once_are_all_let_in(office: Office, authorized_keys: Path, tmp_path: Path) -> None:
    names = [f"worker{number}" for number in range(6)]
    keys = {name: make_key(tmp_path / f"id_{name}", name) for name in names}
    with ThreadPoolExecutor(len(names)) as pool:
        added = list(pool.map(lambda name: _add(office, authorized_keys, name, keys[name]), names))
    assert [completed.status for completed in added] == [0] * len(names)
    text = authorized_keys.read_text()
    assert [name for name in names if f"--slave {name} " not in text] == []


def test_adding_the_same_again_changes_nothing(office: Office, authorized_keys: Path, key: Path) -> None:
    _add(office, authorized_keys, "worker1", key)
    before = authorized_keys.read_text()
    assert _add(office, authorized_keys, "worker1", key).status == 0
    assert authorized_keys.read_text() == before


def test_another_key_of_the_same_name_needs_to_be_asked_for(
    office: Office, authorized_keys: Path, key: Path, tmp_path: Path
) -> None:
    _add(office, authorized_keys, "worker1", key)
    new = make_key(tmp_path / "id_new", "new")
    completed = _add(office, authorized_keys, "worker1", new)
    assert completed.status == 2
    assert "--replace" in completed.stderr.decode()
    assert key.read_text().split()[1] in authorized_keys.read_text()
    assert _add(office, authorized_keys, "worker1", new, "--replace").status == 0
    (line,) = authorized_keys.read_text().splitlines()
    assert new.read_text().split()[1] in line


def test_one_key_cannot_be_two_slaves(office: Office, authorized_keys: Path, key: Path) -> None:
    _add(office, authorized_keys, "worker1", key)
    completed = _add(office, authorized_keys, "worker2", key)
    assert completed.status == 2
    assert "belongs to worker1" in completed.stderr.decode()
    assert len(authorized_keys.read_text().splitlines()) == 1


def test_a_key_that_opens_a_shell_elsewhere_in_the_file_is_refused(
    office: Office, authorized_keys: Path, key: Path
) -> None:
    authorized_keys.parent.mkdir()
    authorized_keys.write_text(key.read_text())
    completed = _add(office, authorized_keys, "worker1", key)
    assert completed.status == 2
    assert "for something else (line 1)" in completed.stderr.decode()


@pytest.mark.parametrize("name", ["", "-x", "a b", 'a"b', "a/b", "x" * 65, "a\nb"])
def test_a_name_that_would_need_quoting_is_refused(office: Office, authorized_keys: Path, key: Path, name: str) -> None:
    assert _add(office, authorized_keys, name, key).status == 2
    assert not authorized_keys.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no key at all\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== truncated\n",
        'command="/bin/sh" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKygfzFp3BywHhtyfFX3IYJC7GDmBPX8iS0mbqqBxFw5 x\n',
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_a_file_without_one_public_key_is_refused(
    office: Office, authorized_keys: Path, tmp_path: Path, content: str
) -> None:
    odd = tmp_path / "odd.pub"
    odd.write_text(content)
    completed = _add(office, authorized_keys, "worker1", odd)
    assert completed.status == 2
    assert "Traceback" not in completed.stderr.decode()
    assert not authorized_keys.exists()


def test_two_keys_in_one_file_are_refused(office: Office, authorized_keys: Path, key: Path) -> None:
    key.write_text(key.read_text() * 2)
    assert _add(office, authorized_keys, "worker1", key).status == 2


def test_a_slave_is_not_let_in_to_a_broken_configuration(office: Office, authorized_keys: Path, key: Path) -> None:
    office.config.write_text("[sid\n")
    assert _add(office, authorized_keys, "worker1", key).status == 2
    assert not authorized_keys.exists()
