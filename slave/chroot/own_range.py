"""The ids that the system gives to an account for user namespaces: in them it is root without any right outside."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.errors import FarmError
from piufarm.run import run

COVERED: Final = Path("/tmp")  # a place to hide in its namespace: folders of the account are closed to its range
_COUNT: Final = 65536  # ids that a Debian system may use
_WITHIN: Final = Path(__file__).parent / "perl" / "within.pl"
_PERL: Final = "/usr/bin/perl"
_HINT: Final = (
    "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ACCOUNT (a range that nobody else has), "
    "and install uidmap; or use --schroot NAME"
)


class OwnRange(NamedTuple):
    """The first of 65536 user ids and of as many group ids that are this account's."""

    uid: int
    gid: int

    def within(self) -> tuple[str, ...]:
        """Words that run a program as root of this range, with the account's own files within reach."""
        uids = f"0 {self.uid} {_COUNT} {_COUNT} {os.getuid()} 1"
        gids = f"0 {self.gid} {_COUNT} {_COUNT} {os.getgid()} 1"
        return _PERL, str(_WITHIN), uids, gids

    def options(self) -> tuple[str, str]:
        """What the launcher is told; a test has no part of the account itself."""
        return f"uids=0 {self.uid} {_COUNT}", f"gids=0 {self.gid} {_COUNT}"


def own_range(subuid: Path = Path("/etc/subuid"), subgid: Path = Path("/etc/subgid")) -> OwnRange | None:
    """None for root, who needs none. Raises FarmError for an account that has none. Formats: subuid(5), subgid(5)."""
    if os.geteuid() == 0:
        return None
    uid, gid = _first(subuid), _first(subgid)
    if uid is None or gid is None:
        raise FarmError(f"not root, and {_account()} has no range of ids in {subuid} and {subgid}", hint=_HINT)
    if shutil.which("newuidmap") is None:
        raise FarmError("not root, and there is no newuidmap", hint=_HINT)
    return OwnRange(uid, gid)


def _first(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    names = (_account(), str(os.geteuid()))
    for line in lines:
        name, _, rest = line.partition(":")
        start, _, count = rest.partition(":")
        if name in names and start.isdecimal() and count.isdecimal() and int(count) >= _COUNT:
            return int(start)
    return None


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def words_as_root() -> tuple[str, ...]:
    """What to put before a command line that handles files of any owner: nothing for root. Raises FarmError."""
    own = own_range()
    return () if own is None else own.within()


def remove_tree(path: Path) -> None:
    """Remove a directory with files of any owner; nothing happens if there is none. Raises FarmError, OSError."""
    if os.geteuid() == 0:
        shutil.rmtree(path, ignore_errors=True)
    else:
        run([*words_as_root(), "rm", "--recursive", "--force", "--one-file-system", path])
