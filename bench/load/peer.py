"""The real piuparts-master beside ours, in a scratch folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.load.meter import Taken, until_answered
from bench.load.office import SECTION
from piufarm.archive.mirror import default_mirror
from tests.support.namespace import with_private_files
from tests.support.programs import REAL_ETC, REAL_MASTER, real_version


class Peer:
    """A master directory of piuparts-master; it fetches the archive in each session."""

    def __init__(self, folder: Path, suite: str = SECTION) -> None:
        self.name = f"piuparts {real_version()}"
        self.master = folder / "peer"
        self._etc = folder / "etc"
        self._etc.mkdir()
        self.master.mkdir()
        shutil.copy(REAL_ETC / "distros.conf", self._etc)
        (self._etc / "piuparts.conf").write_text(
            f"[global]\nsections = {SECTION}\nmaster-directory = {self.master}\n"
            f"[{SECTION}]\nmirror = {default_mirror().uri}\ndistro = {suite}\n"
        )

    def first_reserve(self) -> Taken:
        """What it takes from the start of a session to the answer."""
        return first_reserve(with_private_files({REAL_ETC: self._etc}, [REAL_MASTER]))


def first_reserve(session: Sequence[str | Path]) -> Taken:
    """Start a session, select the section and reserve a package, which is given back."""
    taken, answers = until_answered(session, [f"section {SECTION}", "reserve"])
    if answers[:2] != ["hello", "ok"] or not answers[2].startswith("ok "):
        raise SystemExit(f"no package to reserve: {answers}")
    return taken
