"""An account without privileges, for what must work as somebody else than root."""

from __future__ import annotations

import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from piufarm.run import run

_NAME: Final = "piufarm-test"


@dataclass(frozen=True)
class Account:
    """An account of the host; `prefix` put before a command line runs it as that account."""

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words that make a command run as this account, with no group, capability or terminal of ours."""
        ids = ("--reuid", str(self.uid), "--regid", str(self.gid), "--clear-groups", "--inh-caps=-all")
        return ("setpriv", *ids, "--", "env", f"HOME={self.home}", f"USER={self.name}", f"LOGNAME={self.name}")


@pytest.fixture(scope="session")
def unprivileged_account() -> Account:
    """A system account made for the tests, kept for the next run; its home does not exist."""
    try:
        entry = pwd.getpwnam(_NAME)
    except KeyError:
        run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", _NAME])
        entry = pwd.getpwnam(_NAME)
    return Account(_NAME, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))
