"""The files that a root gets before anything runs in it: apt's and dpkg's settings, who may start services, DNS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from piufarm.errors import UsageError
from piufarm.slave.network.plain import HOOKS
from piufarm.slave.tester.command_line.options import RootOptions

_DATABASES: Final = (
    "mariadb", "mysql", "postgresql", "postgresql-8.3", "firebird2.5-super", "firebird3.0",
)
_POLICY: Final = "#!/bin/sh\nexit 101\n"
_POLICY_DATABASES: Final = f'#!/bin/sh\ncase "$1" in\n  {"|".join(_DATABASES)}) exit 0 ;;\nesac\nexit 101\n'
_TRUSTED: Final = "/etc/apt/trusted.gpg.d/piufarm"


def root_files(options: RootOptions, resolv_conf: bytes) -> Mapping[str, tuple[bytes, int]]:
    """Path -> (content, mode). Raises UsageError for a keyring that cannot be read."""
    files = {
        "/etc/apt/apt.conf.d/piuparts": (_apt_conf(options).encode(), 0o644),
        "/etc/dpkg/dpkg.cfg.d/piuparts": (_dpkg_cfg(options).encode(), 0o644),
        "/usr/sbin/policy-rc.d": ((_POLICY_DATABASES if options.allow_database else _POLICY).encode(), 0o755),
        "/etc/resolv.conf": (_plain_lines(resolv_conf), 0o644),
    }
    if options.keyring is not None:
        files.update([_trusted_key(options.keyring)])
    return files


def _dpkg_options(options: RootOptions) -> list[str]:
    return ["force-unsafe-io"] * options.unsafe_io + ["force-confdef"] * options.force_confdef


def _apt_conf(options: RootOptions) -> str:
    unverified = not options.verify_signatures
    settings = {
        "APT::Get::Assume-Yes": "yes",
        "APT::Install-Recommends": str(int(options.install_recommends)),
        "APT::Install-Suggests": str(int(options.install_suggests)),
        "APT::Get::AllowUnauthenticated": "Yes" if unverified else "No",
        "Acquire::AllowInsecureRepositories": "true" if unverified else "false",
        "Acquire::PDiffs": "false",
        "Acquire::Languages": "none",
        "Dir::Log::Planner": "",  # nobody reads apt's notes to itself, and compressing them takes time
        **({} if options.check_valid_until else {"Acquire::Check-Valid-Until": "false"}),
    }
    lines = [f'{key} "{value}";' for key, value in settings.items()]
    lines += [f'{name}:: "{command}";' for name, command in HOOKS.items()]
    lines += [f'Dpkg::Options:: "--{option}";' for option in _dpkg_options(options)]
    return "".join(f"{line}\n" for line in lines)


def _dpkg_cfg(options: RootOptions) -> str:
    return "".join(f"{option}\n" for option in _dpkg_options(options))


def _plain_lines(content: bytes) -> bytes:
    """The lines without blank ones and comments."""
    lines = (line for line in content.splitlines() if line.strip() and not line.lstrip().startswith((b"#", b";")))
    return b"".join(line + b"\n" for line in lines)


def _trusted_key(keyring: Path) -> tuple[str, tuple[bytes, int]]:
    """The archive's keys where apt in the root looks for them; apt tells armoured from binary by the suffix."""
    try:
        content = keyring.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the keyring {keyring}: {error.strerror}") from error
    suffix = "asc" if content.startswith(b"-----BEGIN") else "gpg"
    return f"{_TRUSTED}.{suffix}", (content, 0o644)
