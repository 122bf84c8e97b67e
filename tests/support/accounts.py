"""An account without privileges, for what must work as somebody else than root."""

from __future__ import annotations

import pwd
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from piufarm.run import run
from tests.support.clone import CLONE, tracked_files

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
def readable_clone() -> Iterator[Path]:
    """A copy of the clone's files that every account can read, wherever the clone itself lies."""
    with tempfile.TemporaryDirectory(prefix="piufarm-clone-") as name:
        copy = Path(name)
        copy.chmod(0o755)
        for path in (*tracked_files(), *(CLONE / "piufarm" / link for link in ("master", "slave", "report"))):
            place = copy / path.relative_to(CLONE)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place, follow_symlinks=False)
        run(["chmod", "-R", "a+rX", copy])
        yield copy


@pytest.fixture(scope="session")
def unprivileged_account() -> Account:
    """A system account made for the tests, kept for the next run; its home does not exist."""
    try:
        entry = pwd.getpwnam(_NAME)
    except KeyError:
        run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", _NAME])
        entry = pwd.getpwnam(_NAME)
    return Account(_NAME, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))
