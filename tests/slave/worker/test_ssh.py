"""Reaching the master by SSH: a real server on loopback, strict about host keys, clear about what is wrong."""

from __future__ import annotations

import argparse
import shlex
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from demo.sshd import make_key
from piufarm.errors import FarmError, UsageError
from piufarm.names import SectionName
from piufarm.run import run
from piufarm.slave import trust_command
from piufarm.slave.link.connection import MasterSession
from piufarm.slave.link.route import PLACEHOLDER_COMMAND, Target, find_route, target_of
from piufarm.slave.link.ssh import Refused, TurnedAway, Unreachable, Untrusted, open_wire
from tests.slave.worker.bench import SECTION, Bench
from tests.support.accounts import Account
from tests.support.ssh import SshDoor

# Says what it was asked to run, then speaks the protocol for one request.
SCRIPT = """#!/bin/bash
echo "$SSH_ORIGINAL_COMMAND" > {said}
echo hello
read request
[[ $request = "section sid" ]] && echo ok || echo error
cat > /dev/null
"""


SLAVE = "slave"


def host_line(door: SshDoor) -> str:
    """The server's host key as a line of known_hosts."""
    return door.known_hosts


@pytest.fixture
def door(sshd: SshDoor, tmp_path: Path) -> SshDoor:
    """A server that lets our key in for a small script that plays the master."""
    script = tmp_path / "master"
    script.write_text(SCRIPT.format(said=tmp_path / "said"))
    script.chmod(0o755)
    sshd.admit(SLAVE, shlex.quote(str(script)))
    (tmp_path / ".ssh").mkdir(mode=0o700)
    return sshd


def ssh_config(tmp_path: Path, door: SshDoor, extra: str = "") -> None:
    """The account's ssh configuration, without a file of known hosts of its own."""
    (tmp_path / ".ssh" / "config").write_text(
        f"Host farm-master\n HostName {door.server.host}\n Port {door.server.port}\n User {door.server.user}\n"
        f" IdentityFile {door.identity(SLAVE)}\n{extra}"
    )


def target(door: SshDoor, host: str = "farm-master") -> Target:
    del door
    return Target(host, None, PLACEHOLDER_COMMAND)


def trust(*words: str) -> int:
    parser = argparse.ArgumentParser()
    trust_command.configure(parser)
    return trust_command.main(parser.parse_args(words))


def test_a_session_with_a_host_that_ssh_knows(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / ".ssh" / "known_hosts").write_text(host_line(door))
    session = MasterSession(open_wire(target(door), tmp_path / "known-hosts"))
    session.select(SectionName("sid"))
    session.close()
    assert (tmp_path / "said").read_text() == f"{PLACEHOLDER_COMMAND}\n"


def test_the_slaves_own_file_of_known_hosts_counts_too(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door))
    MasterSession(open_wire(target(door), tmp_path / "known-hosts")).close()


def test_host_and_port_may_stand_in_the_configuration_alone(door: SshDoor, tmp_path: Path) -> None:
    (tmp_path / ".ssh" / "config").write_text(f"Host *\n IdentityFile {door.identity(SLAVE)}\n")
    (tmp_path / "known-hosts").write_text(host_line(door))
    direct = Target(f"{door.server.host}:{door.server.port}", door.server.user, "anything")
    MasterSession(open_wire(direct, tmp_path / "known-hosts")).close()


def test_an_unknown_host_is_never_talked_to(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    with pytest.raises(Untrusted, match="is not known") as caught:
        open_wire(target(door), tmp_path / "known-hosts")
    assert door.server.fingerprint in caught.value.message
    assert f"piufarm slave trust 127.0.0.1 --port {door.server.port}" in str(caught.value.hint)
    assert not (tmp_path / "said").exists()
    assert not (tmp_path / "known-hosts").exists()


def test_a_changed_host_key_is_refused(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    other = make_key(tmp_path / "other", "another host").read_text().split()[1]
    words = host_line(door).split()
    (tmp_path / "known-hosts").write_text(f"{words[0]} {words[1]} {other}\n")
    with pytest.raises(Untrusted, match="has changed") as caught:
        open_wire(target(door), tmp_path / "known-hosts")
    assert door.server.fingerprint in caught.value.message
    assert not (tmp_path / "said").exists()


def test_a_revoked_host_key_is_refused(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door) + f"@revoked {host_line(door)}")
    with pytest.raises(Untrusted, match="revoked"):
        open_wire(target(door), tmp_path / "known-hosts")
    assert not (tmp_path / "said").exists()


def test_a_broken_file_of_known_hosts_is_an_error_that_names_it(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text("host ssh-ed25519 AAA\n")
    with pytest.raises(FarmError, match=r"cannot read .*known-hosts"):
        open_wire(target(door), tmp_path / "known-hosts")


def test_a_key_that_is_not_admitted_is_refused_with_a_hint(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door))
    door.server.authorized_keys.write_text("")
    with pytest.raises(Refused) as caught:
        open_wire(target(door), tmp_path / "known-hosts")
    assert "piufarm master add-slave" in str(caught.value.hint)


def test_a_host_that_is_down_is_unreachable(door: SshDoor, tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    with pytest.raises(Unreachable, match="cannot reach"):
        open_wire(target(door, f"127.0.0.1:{port}"), tmp_path / "known-hosts")


@contextmanager
def listener(answer: bytes) -> Iterator[int]:
    """A server that says something and hangs up; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def test_a_port_that_does_not_speak_ssh_is_unreachable(door: SshDoor, tmp_path: Path) -> None:
    with listener(b"220 mail.example ESMTP\r\n") as port, pytest.raises(Unreachable, match="cannot log in"):
        open_wire(target(door, f"127.0.0.1:{port}"), tmp_path / "known-hosts")


@pytest.mark.parametrize("words", [b"", b"Exceeded MaxStartups\r\n"])
def test_being_turned_away_at_the_door_is_told_from_other_trouble(door: SshDoor, tmp_path: Path, words: bytes) -> None:
    with listener(words) as port, pytest.raises(TurnedAway, match="cannot log in"):
        open_wire(target(door, f"127.0.0.1:{port}"), tmp_path / "known-hosts")


def test_a_connection_that_is_lost_is_not_taken_for_a_master_that_hung_up(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door))
    door.admit(SLAVE, "echo hello; read section; echo ok; read features; kill -KILL $PPID; sleep 5")
    session = MasterSession(open_wire(target(door), tmp_path / "known-hosts"))
    session.select(SectionName("sid"))
    with pytest.raises(Unreachable, match="lost the connection"):
        session.ask_features()


def test_a_host_that_hangs_after_the_login_is_given_up(
    door: SshDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_config(tmp_path, door)
    given_up, host_key = threading.Event(), paramiko.ECDSAKey.generate()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        text = (tmp_path / ".ssh" / "config").read_text()
        (tmp_path / ".ssh" / "config").write_text(text.replace(f"Port {door.server.port}", f"Port {port}"))
        line = f"[127.0.0.1]:{port} {host_key.get_name()} {host_key.get_base64()}\n"
        (tmp_path / "known-hosts").write_text(line)

        def serve() -> None:
            transport = paramiko.Transport(server.accept()[0])
            transport.add_server_key(host_key)
            host = paramiko.ServerInterface()
            host.check_auth_publickey = lambda *_: paramiko.AUTH_SUCCESSFUL
            host.check_channel_request = lambda *_: paramiko.OPEN_SUCCEEDED
            host.check_channel_exec_request = lambda *_: not given_up.wait()
            transport.start_server(threading.Event(), host)
            transport.join()

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setattr("piufarm.slave.link.ssh.CONNECT_SECONDS", 2.0)
        with pytest.raises(Unreachable, match="no answer for 2 s"):
            open_wire(target(door), tmp_path / "known-hosts")
        given_up.set()
        thread.join()


@pytest.mark.parametrize("step", ["open_session", "exec_command"])
def test_a_connection_that_is_lost_before_the_session_begins_is_trouble_and_no_bug(
    door: SshDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def lose(part: paramiko.Transport | paramiko.Channel, *words: object, **more: object) -> None:
        transport = part if isinstance(part, paramiko.Transport) else part.get_transport()
        monkeypatch.setattr(transport, "_send_user_message", lambda _: transport.sock.shutdown(socket.SHUT_RDWR))
        original(part, *words, **more)

    owner = paramiko.Transport if step == "open_session" else paramiko.Channel
    original = getattr(owner, step)
    monkeypatch.setattr(owner, step, lose)
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door))
    door.admit(SLAVE, "true")
    with pytest.raises(Unreachable, match="lost the connection"):
        open_wire(target(door), tmp_path / "known-hosts")


def test_a_key_that_cannot_be_read_does_not_keep_the_others_from_being_tried(
    door: SshDoor, tmp_path: Path, unprivileged_account: Account, readable_clone: Path
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    make_key(home / "unreadable", "x")
    (home / "unreadable").chmod(0)
    (home / "directory").mkdir()
    make_key(home / "readable", "x")
    (home / "readable").chmod(0o644)
    keys = "".join(f" IdentityFile {home}/{name}\n" for name in ("unreadable", "directory", "missing", "readable"))
    (home / ".ssh" / "config").write_text(f"Host *\n{keys}")
    for place in (*tmp_path.parents, tmp_path):
        if place.is_relative_to(tempfile.gettempdir()) and place != Path(tempfile.gettempdir()):
            place.chmod(place.stat().st_mode | 0o011)
    program = (
        "from pathlib import Path\nfrom piufarm.slave.link.route import find_route\n"
        "route = find_route('anywhere', user=None, extra_known_hosts=Path('/x'))\n"
        "print(*(path.name for path in route.identities))"
    )
    account = replace(unprivileged_account, home=home)
    words = [*account.prefix, f"PYTHONPATH={readable_clone}", "/usr/bin/python3", "-c", program]
    assert run(words).stdout == b"readable\n"


def test_a_login_that_prints_something_else_is_told_from_a_master(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door))
    door.admit(SLAVE, "echo Welcome to Debian")
    with pytest.raises(FarmError, match="expected the greeting `hello`, got 'Welcome to Debian'") as caught:
        MasterSession(open_wire(target(door), tmp_path / "known-hosts"))
    assert "forced command" in str(caught.value.hint)


def test_what_a_dying_master_says_on_stderr_is_told(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door))
    door.admit(SLAVE, "echo hello; read x; echo cannot open the store >&2; sleep 0.2")
    session = MasterSession(open_wire(target(door), tmp_path / "known-hosts"))
    with pytest.raises(FarmError, match="hung up instead of answering `section sid`; it says: cannot open the store"):
        session.select(SectionName("sid"))


def test_a_master_that_never_answers_is_given_up(
    door: SshDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("piufarm.slave.link.ssh.REPLY_SECONDS", 0.3)
    ssh_config(tmp_path, door)
    (tmp_path / "known-hosts").write_text(host_line(door))
    door.admit(SLAVE, "cat > /dev/null")
    wire = open_wire(target(door), tmp_path / "known-hosts")
    with pytest.raises(Unreachable, match="has not answered for"):
        MasterSession(wire)
    wire.close()


def test_a_jump_host_that_leads_back_is_refused(door: SshDoor, tmp_path: Path) -> None:
    ssh_config(tmp_path, door, " ProxyJump farm-master\n")
    with pytest.raises(FarmError, match="leads in circles"):
        open_wire(target(door), tmp_path / "known-hosts")


def test_jump_hosts_are_gone_through_and_verified(door: SshDoor, tmp_path: Path) -> None:
    jump = f" Hostname {door.server.host}\n Port {door.server.port}\n User {door.server.user}\n"
    ssh_config(tmp_path, door, f" ProxyJump jump\nHost jump\n{jump} IdentityFile {door.identity(SLAVE)}\n")
    # the same server is the jump host: it must let the key forward ports
    public = door.identity(SLAVE).with_suffix(".pub").read_text()
    door.server.authorized_keys.write_text(f'command="{tmp_path / "master"}" {public}')
    with pytest.raises(Untrusted):
        open_wire(target(door), tmp_path / "known-hosts")
    (tmp_path / "known-hosts").write_text(host_line(door))
    session = MasterSession(open_wire(target(door), tmp_path / "known-hosts"))
    session.select(SectionName("sid"))
    session.close()


def test_a_proxy_command_is_used(door: SshDoor, tmp_path: Path) -> None:
    program = tmp_path / "connect"
    program.write_text(
        "#!/usr/bin/python3\nimport os, socket, sys, threading\n"
        "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n    while data := os.read(0, 65536): s.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := s.recv(65536): os.write(1, data)\n"
    )
    program.chmod(0o755)
    ssh_config(tmp_path, door, f" ProxyCommand {program} %h %p\n")
    (tmp_path / "known-hosts").write_text(host_line(door))
    MasterSession(open_wire(target(door), tmp_path / "known-hosts")).close()


@pytest.mark.parametrize("name", ["", "a b", "host:port", "host:1:2", "user@"])
def test_a_host_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="not a host"):
        find_route(name, user=None, extra_known_hosts=tmp_path / "known-hosts")


def test_the_route_comes_from_piuparts_conf_then_from_ssh(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host farm-master\n User them\n Port 2222\n HostName master.example\n")
    section = bench.configure({"master-user": "piupartsm"}).sections[SECTION]
    found = target_of(section)
    assert found == Target("farm-master", "piupartsm", PLACEHOLDER_COMMAND)
    route = find_route(found.host, user=found.user, extra_known_hosts=tmp_path / "known-hosts")
    assert (route.host, route.port, route.user) == ("master.example", 2222, "piupartsm")
    assert route.known_hosts_name == "[master.example]:2222"
    assert route.known_hosts[-1] == tmp_path / "known-hosts"
    assert find_route("farm-master:23", user=None, extra_known_hosts=tmp_path / "x").port == 23
    assert find_route("farm-master", user=None, extra_known_hosts=tmp_path / "x").user == "them"


# -- first contact


def test_trust_shows_the_fingerprint_and_keeps_the_key_if_it_is_the_expected_one(
    door: SshDoor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ssh_config(tmp_path, door)
    file = tmp_path / "slave" / "known-hosts"
    words = ("farm-master", "--known-hosts", str(file))
    assert trust(*words, "--fingerprint", "SHA256:wrong") == 1
    assert not file.exists()
    assert trust(*words, "--fingerprint", door.server.fingerprint) == 0
    assert door.server.fingerprint in capsys.readouterr().out
    assert file.read_text() == host_line(door)
    assert trust(*words) == 0
    assert "it is known already" in capsys.readouterr().out
    assert file.read_text() == host_line(door)
    MasterSession(open_wire(target(door), file)).close()


def test_trust_appends_to_what_is_known(door: SshDoor, tmp_path: Path) -> None:
    file = tmp_path / "known-hosts"
    host, port = door.server.host, str(door.server.port)
    key = make_key(tmp_path / "other", "another host").read_text().split()
    file.write_text(f"other {key[0]} {key[1]}")
    assert trust(host, "--port", port, "--known-hosts", str(file), "--yes") == 0
    assert file.read_text() == f"other {key[0]} {key[1]}\n{host_line(door)}"


def test_trust_does_not_replace_another_key(door: SshDoor, tmp_path: Path) -> None:
    file = tmp_path / "known-hosts"
    key = make_key(tmp_path / "other", "another host").read_text().split()
    file.write_text(f"{host_line(door).split()[0]} {key[0]} {key[1]}\n")
    with pytest.raises(FarmError, match="another key is known"):
        trust(door.server.host, "--port", str(door.server.port), "--known-hosts", str(file), "--yes")


def test_trust_asks_nobody_when_nobody_is_there(door: SshDoor, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody to ask"):
        trust(door.server.host, "--port", str(door.server.port), "--known-hosts", str(tmp_path / "known-hosts"))


def test_without_a_host_the_configured_masters_are_trusted(
    door: SshDoor, bench: Bench, tmp_path: Path
) -> None:
    ssh_config(tmp_path, door)
    configuration = bench.configure()
    assert trust("--config", str(configuration.path), "--fingerprint", door.server.fingerprint) == 0
    assert (configuration.farm.slave_directory / "known-hosts").read_text() == host_line(door)
