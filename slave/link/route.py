"""Where the master is: from piuparts.conf, completed by the account's and the host's ssh configuration."""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import paramiko

from piufarm.config.model import Section
from piufarm.errors import ConfigError, FarmError

# What is sent for the forced command of authorized_keys to replace.
PLACEHOLDER_COMMAND: Final = "command-is-set-in-authorized_keys"
SYSTEM_CONFIG: Final = Path("/etc/ssh/ssh_config")
SYSTEM_KNOWN_HOSTS: Final = Path("/etc/ssh/ssh_known_hosts")
SSH_PORT: Final = 22
_HOST_AND_PORT: Final = re.compile(r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[^\]@\s]+\]|[^:@\s]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Target:
    """A master as a section names it."""

    host: str  # a name for ssh's configuration, maybe with `:port`
    user: str | None
    command: str


@dataclass(frozen=True)
class Route:
    """How to get to a host: everything that ssh's configuration has to say about it."""

    host: str
    port: int
    user: str
    identities: tuple[Path, ...]
    only_these_identities: bool
    known_hosts: tuple[Path, ...]
    proxy_command: str | None
    jumps: tuple[str, ...]  # hosts to go through, the nearest first

    @property
    def known_hosts_name(self) -> str:
        """The name of the host in known_hosts files."""
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"


def target_of(section: Section) -> Target:
    """The master of a section. Raises ConfigError if it names none."""
    if not section.master_host:
        raise ConfigError(
            f"section {section.name} has no master to report to",
            hint="set master-host (and master-user) in [global] of piuparts.conf",
        )
    return Target(section.master_host, section.master_user, section.master_command or PLACEHOLDER_COMMAND)


def find_route(name: str, *, user: str | None, extra_known_hosts: Path, port: int | None = None) -> Route:
    """The route to `[user@]host[:port]`. Raises FarmError if the name or ssh's configuration cannot be understood."""
    parts = _HOST_AND_PORT.fullmatch(name)
    if parts is None:
        raise FarmError(f"not a host: {name!r}", hint="expected HOST or HOST:PORT")
    host = parts["host"].strip("[]")
    try:
        found = _ssh_config().lookup(host)
    except (ImportError, paramiko.SSHException) as error:  # `Match exec` wants a library that nobody needs
        raise FarmError(
            f"cannot make out what ssh's configuration says about {host}: {error}",
            hint="give the slave's host a plain `Host` stanza, without Match exec or canonical names",
        ) from error
    jumps = str(found.get("proxyjump", "none"))
    command = str(found.get("proxycommand", "none"))
    return Route(
        host=str(found["hostname"]),
        port=port or int(parts["port"] or found.get("port", SSH_PORT)),
        user=user or parts["user"] or str(found.get("user") or getpass.getuser()),
        identities=tuple(path for path in map(_path, found.get("identityfile", ())) if _is_readable(path)),
        only_these_identities=found.get("identitiesonly") == "yes",
        known_hosts=(*_known_hosts(found), extra_known_hosts),
        proxy_command=None if command == "none" else command,
        jumps=() if jumps == "none" else tuple(jumps.split(",")),
    )


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _is_readable(path: Path) -> bool:
    """Whether a key can be tried: one that cannot be read must not keep the others from being tried."""
    return os.access(path, os.R_OK) and not path.is_dir()


def _known_hosts(found: dict[str, str]) -> tuple[Path, ...]:
    own = found.get("userknownhostsfile", "~/.ssh/known_hosts").split()
    system = found.get("globalknownhostsfile", str(SYSTEM_KNOWN_HOSTS)).split()
    return tuple(path for path in map(_path, [*own, *system]) if path != Path("/dev/null"))


def _ssh_config() -> paramiko.SSHConfig:
    """The account's configuration, then the host's: the first value that is found counts, as with ssh."""
    config = paramiko.SSHConfig()
    for path in (Path("~/.ssh/config").expanduser(), SYSTEM_CONFIG):
        try:
            with path.open(encoding="utf-8", errors="surrogateescape") as stream:
                config.parse(stream)
        except FileNotFoundError:
            continue
        except (OSError, paramiko.SSHException) as error:
            raise FarmError(f"cannot read {path}: {error}", hint="`ssh -G HOST` shows what ssh makes of it") from error
    return config
