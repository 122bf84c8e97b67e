"""An SSH server of the tests' own, on a free port of loopback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.sshd import SshServer, make_key, ssh_server


@dataclass(frozen=True)
class SshDoor:
    """A running server, and keys that open it once they are admitted."""

    server: SshServer
    directory: Path

    def identity(self, name: str) -> Path:
        """The private key of this name, made when it is first asked for; the public one lies beside it as .pub."""
        path = self.directory / f"key-{name}"
        make_key(path, name)
        return path

    def admit(self, name: str, forced_command: str) -> None:
        """Let the key of this name in for this command alone."""
        public = self.identity(name).with_suffix(".pub").read_text().strip()
        allowed = self.server.authorized_keys
        others = [line for line in allowed.read_text().splitlines() if public not in line]
        allowed.write_text("\n".join([*others, f'restrict,command="{forced_command}" {public}', ""]))

    @property
    def known_hosts(self) -> str:
        """The server's host key as a line of known_hosts."""
        kind, material = self.server.host_key.with_suffix(".pub").read_text().split()[:2]
        return f"[{self.server.host}]:{self.server.port} {kind} {material}\n"

    def client_config(self, key: Path) -> str:
        """An ssh_config by which this key reaches the server as `farm-master`; its known_hosts lies beside the key."""
        known_hosts = key.with_name("known_hosts")
        known_hosts.write_text(self.known_hosts)
        return (
            "Host farm-master\n"
            f"    HostName {self.server.host}\n"
            f"    Port {self.server.port}\n"
            f"    User {self.server.user}\n"
            f"    IdentityFile {key}\n"
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
        yield SshDoor(server, directory)
