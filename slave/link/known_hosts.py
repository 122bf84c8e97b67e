"""Whose host keys are trusted: files of known hosts, and the one that `piufarm slave trust` writes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import paramiko

from piufarm.errors import FarmError
from piufarm.files import atomic_write

FILE_NAME: Final = "known-hosts"  # in the slave's directory


def fingerprint(key: paramiko.PKey) -> str:
    """A key's fingerprint as OpenSSH shows it."""
    digest = hashlib.sha256(key.asbytes()).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def load_known_hosts(client: paramiko.SSHClient, files: Iterable[Path]) -> None:
    """Let a client trust the keys in these files; missing ones do not matter. Raises FarmError."""
    for path in files:
        try:
            client.load_system_host_keys(str(path))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey) as error:
            raise FarmError(f"cannot read {path}: {error}", hint="`ssh-keygen -l -f` shows the bad line") from error


def trusted_keys(files: Iterable[Path], name: str) -> list[paramiko.PKey]:
    """The keys that these files have for a host."""
    keys: list[paramiko.PKey] = []
    for path in files:
        client = paramiko.SSHClient()
        load_known_hosts(client, [path])
        if path.exists():
            keys += (paramiko.HostKeys(str(path)).lookup(name) or {}).values()
    return keys


def revoked_keys(files: Iterable[Path]) -> frozenset[str]:
    """The keys (base64) that a line of these files marks as @revoked, for whatever host."""
    texts = (path.read_text("utf-8", "replace") for path in files if path.exists())
    lines = (line.split() for text in texts for line in text.splitlines())
    return frozenset(words[3] for words in lines if len(words) >= 4 and words[0] == "@revoked")


def add_known_host(path: Path, name: str, key: paramiko.PKey) -> None:
    """Trust a key for a host from now on."""
    before = path.read_text() if path.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, f"{before}{name} {key.get_name()} {key.get_base64()}\n", mode=0o644)
