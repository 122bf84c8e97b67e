"""An SSH server of the tests' own, on a free port of loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.sshd import SshServer, make_key, ssh_server


@dataclass(frozen=True)
class SshDoor:
    """A running server and a key that opens it, once a line of `server.authorized_keys` says what the key may do."""

    server: SshServer
    identity: Path
    directory: Path

    @property
    def public_key(self) -> str:
        """The public half of the key: type, material and comment."""
        return self.identity.with_name(self.identity.name + ".pub").read_text().strip()

    def admit(self, forced_command: str) -> None:
        """Let the key in for this command alone, in place of what it was let in for before."""
        self.server.authorized_keys.write_text(f'restrict,command="{forced_command}" {self.public_key}\n')

    @property
    def known_hosts_line(self) -> str:
        """The server's host key as a line of known_hosts."""
        kind, material = self.server.host_key.with_suffix(".pub").read_text().split()[:2]
        return f"[{self.server.host}]:{self.server.port} {kind} {material}\n"

    def client_config(self) -> str:
        """An ssh_config that makes this server reachable as `farm-master`, with verified host key and this key only."""
        known_hosts = self.directory / "known_hosts"
        known_hosts.write_text(self.known_hosts_line)
        return (
            "Host farm-master\n"
            f"    HostName {self.server.host}\n"
            f"    Port {self.server.port}\n"
            f"    User {self.server.user}\n"
            f"    IdentityFile {self.identity}\n"
            "    IdentitiesOnly yes\n"
            f"    UserKnownHostsFile {known_hosts}\n"
            "    StrictHostKeyChecking yes\n"
            "    BatchMode yes\n"
        )


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SshDoor]:
    """A server with fresh keys that lets nobody in before `admit`."""
    directory = tmp_path / "ssh"
    with ssh_server(directory) as server:
        make_key(directory / "identity", "slave of a test")
        yield SshDoor(server, directory / "identity", directory)
