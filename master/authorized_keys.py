"""Letting slaves in: lines of an OpenSSH authorized_keys file that allow one key one command, and nothing else."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.errors import FarmError, UsageError
from piufarm.files import atomic_write
from piufarm.run import CommandFailed, run

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OPTIONS: Final = "restrict"  # no terminal, forwarding, agent or rc file, whatever future releases of sshd add
# The command of a line of ours: the name of its slave is what follows --slave.
_OUR_COMMAND: Final = re.compile(r'command="[^"]*\bmaster session --slave (?P<name>[A-Za-z0-9._-]+)')
_KEY: Final = re.compile(
    r"(?P<type>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+) (?P<blob>[A-Za-z0-9+/]+={0,2})(?:\s|$)"
)


class PublicKey(NamedTuple):
    """A key as it stands in a file, and what people compare."""

    type: str
    blob: str
    fingerprint: str


@dataclass(frozen=True)
class Grant:
    """What a slave is let in for."""

    slave: str
    key: PublicKey
    command: Sequence[str | Path]  # of a session, complete

    def line(self) -> str:
        """The line of authorized_keys."""
        command = shlex.join(map(str, self.command)).replace("\\", "\\\\").replace('"', '\\"')
        return f'{_OPTIONS},command="{command}" {self.key.type} {self.key.blob} {self.slave}'


def check_name(name: str) -> str:
    """A slave's name as it was given. Raises UsageError if it is not one."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"not a name for a slave: {name!r}", hint="letters, digits and . _ - (at most 64, a letter or digit first)"
        )
    return name


def read_key(path: Path) -> PublicKey:
    """The one public key in a file, as ssh-keygen understands it. Raises UsageError."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise UsageError(f"cannot read {path}: {reason}", hint="it is the slave's public key, a file *.pub") from error
    if "PRIVATE KEY" in text:
        raise UsageError(f"{path} is a private key", hint="it must stay on the slave; give the file *.pub beside it")
    keys = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = _KEY.match(keys[0]) if len(keys) == 1 else None
    if found is None:
        raise UsageError(f"{path} does not hold one public key", hint="give a file *.pub that ssh-keygen has written")
    try:
        completed = run(["ssh-keygen", "-l", "-f", "-"], input=f"{found['type']} {found['blob']}\n".encode())
    except CommandFailed as error:
        raise UsageError(f"{path} holds no valid public key", hint="make the key again with ssh-keygen") from error
    return PublicKey(found["type"], found["blob"], completed.stdout.decode().split()[1])


def grant(file: Path, wanted: Grant, *, replace: bool) -> bool:
    """Add the line to `file`, made if missing; returns whether it took the place of an older one.

    Raises UsageError if the name has another line and `replace` is not given, or if the key belongs to another name.
    """
    try:
        _make_folder(file.parent)
        with _locked(file.parent):
            return _grant_alone(file, wanted, replace=replace)
    except OSError as error:
        raise FarmError(f"cannot write {file}: {error.strerror}") from error


def _grant_alone(file: Path, wanted: Grant, *, replace: bool) -> bool:
    lines = _lines(file)
    others = [line for line in lines if _slave_of(line) != wanted.slave]
    _refuse_known_key(file, others, wanted)
    had_one = len(others) < len(lines)
    if had_one and wanted.line() in lines:
        return False
    if had_one and not replace:
        raise UsageError(
            f"{file} lets {wanted.slave} in already, by another key or command",
            hint="--replace puts this one in its place",
        )
    text = "".join(f"{line}\n" for line in [*others, wanted.line()])
    atomic_write(file, text.encode("utf-8", "surrogateescape"), mode=0o600)
    _give_to_owner_of_folder(file)
    return had_one


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        _give_to_owner_of_folder(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep others like us out of the folder: of two that read and replace a file in it at once, one would be lost.

    The folder is locked and not the file, because the file is replaced.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _give_to_owner_of_folder(path: Path) -> None:
    """As root, work for the account whose home it is: sshd reads the file as that one."""
    if os.geteuid() == 0:
        os.chown(path, path.parent.stat().st_uid, path.parent.stat().st_gid)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FarmError(f"cannot read {file}: {error.strerror}") from error


def _slave_of(line: str) -> str | None:
    found = _OUR_COMMAND.search(line) if not line.lstrip().startswith("#") else None
    return found["name"] if found else None


def _refuse_known_key(file: Path, lines: Sequence[str], wanted: Grant) -> None:
    for number, line in enumerate(lines, start=1):
        if wanted.key.blob in line.split() and not line.lstrip().startswith("#"):
            owner = _slave_of(line)
            what = f"belongs to {owner}" if owner else f"is in {file} for something else (line {number})"
            raise UsageError(
                f"the key {wanted.key.fingerprint} {what}",
                hint="sshd would obey the first line; each slave needs its own key",
            )
