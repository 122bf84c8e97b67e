"""An OpenSSH server of our own: loopback only, fresh keys, nothing of the host's configuration."""

from __future__ import annotations

import os
import pwd
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError
from piufarm.files import atomic_write
from piufarm.run import STDOUT, run, spawn

_START_SECONDS: Final = 10
_PRIVSEP: Final = Path("/run/sshd")  # compiled into Debian's sshd; it refuses to start without


@dataclass(frozen=True)
class SshServer:
    """A running server: how to reach it, and who is let in by which file."""

    host: str
    port: int
    user: str
    host_key: Path
    authorized_keys: Path
    log: Path

    @property
    def fingerprint(self) -> str:
        """The host key's SHA256 fingerprint, as OpenSSH writes it."""
        public = self.host_key.with_suffix(".pub")
        return run(["ssh-keygen", "-lf", public]).stdout.decode().split()[1]


def make_key(path: Path, comment: str) -> Path:
    """An Ed25519 key pair without passphrase at `path` and `path`.pub; kept if it is there. Returns the public key."""
    if not path.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    return path.with_name(path.name + ".pub")


def free_port(preferred: int | None = None) -> int:
    """A port of 127.0.0.1 that nobody listens on, `preferred` if it is one."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise FarmError("no free port on 127.0.0.1")


def _is_locked(user: str) -> bool:
    """Whether the account has a locked password, as root often has: sshd lets it in by PAM alone, even with a key."""
    entry = run(["getent", "shadow", user], check=False).stdout.decode().split(":")
    return len(entry) > 1 and entry[1].startswith("!")


def _configuration(directory: Path, port: int, settings: str) -> str:
    user = pwd.getpwuid(os.geteuid()).pw_name
    return f"""\
ListenAddress 127.0.0.1:{port}
HostKey {directory / "host_key"}
AuthorizedKeysFile {directory / "authorized_keys"}
PidFile none
UsePAM {"yes" if _is_locked(user) else "no"}
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
PermitRootLogin forced-commands-only
AllowUsers {user}
# the files lie in a folder of ours, maybe below a world-writable one
StrictModes no
MaxStartups 100
MaxSessions 100
LogLevel VERBOSE
{settings}
"""


def _wait_until_it_answers(port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.05)
    said = log.read_text(errors="replace")[-500:] if log.exists() else ""
    raise FarmError(f"sshd does not answer on 127.0.0.1:{port}\n{said}".rstrip(), hint=f"see {log}")


@contextmanager
def ssh_server(
    directory: Path, *, preferred_port: int | None = None, settings: str = ""
) -> Iterator[SshServer]:
    """An sshd that runs while the block does; keys and the list of who is let in stay in `directory`. `settings` are
    further lines of its sshd_config.

    Raises FarmError if it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_key(directory / "host_key", "piufarm demo host")
    (directory / "authorized_keys").touch(mode=0o600)
    port = free_port(preferred_port)
    configuration, log = directory / "sshd_config", directory / "sshd.log"
    atomic_write(configuration, _configuration(directory, port, settings))
    made_privsep = not _PRIVSEP.exists()
    _PRIVSEP.mkdir(mode=0o755, exist_ok=True)
    with log.open("ab") as stream:
        server = spawn(["/usr/sbin/sshd", "-D", "-e", "-f", configuration], stdout=stream, stderr=STDOUT)
    try:
        _wait_until_it_answers(port, log)
        user = pwd.getpwuid(os.geteuid()).pw_name
        yield SshServer("127.0.0.1", port, user, directory / "host_key", directory / "authorized_keys", log)
    finally:
        server.terminate()
        server.wait()
        if made_privsep:
            _PRIVSEP.rmdir()
