"""A section's folder as piuparts-master keeps it, made by hand."""

from __future__ import annotations

import hashlib
import lzma
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDERS: Final = ("pass", "fail", "untestable", "bugged", "affected", "reserved", "recycle")
T0: Final = 1_600_000_000  # when the oldest result came in
HEADER: Final = (
    "date, successfully-tested, failed-testing, cannot-be-tested, essential-required, waiting-to-be-tested,"
    " waiting-for-dependency-to-be-tested, dependency-failed-testing, dependency-cannot-be-tested,"
    " dependency-does-not-exist, circular-dependency, unknown, unknown-preferred-alternative,"
    " no-dependency-from-alternatives-exists, outdated\n"
)


@dataclass(frozen=True)
class TheirMaster:
    """A master-directory with the section sid."""

    root: Path

    @property
    def section(self) -> Path:
        return self.root / "sid"

    def log(self, place: str, name: str, text: str = "a log\n", *, at: int | None = T0, outcome: str = "") -> Path:
        """A log below `place` (such as archive/pass); with `at` it came in then, and submissions.txt knows."""
        path = self.section / place / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if at is not None:
            os.utime(path, (at + 0.25,) * 2)
            package, _, version = name.partition("_")
            result = outcome or {"bugged": "fail", "affected": "fail"}.get(path.parent.name, path.parent.name)
            with (self.section / "submissions.txt").open("a") as stream:
                stream.write(f"{at} {result} {package} {version}\n")
        return path

    def compressed(self, place: str, name: str, text: str, *, at: int = T0) -> Path:
        """A log that their jobs have compressed."""
        path = self.log(place, name, at=at)
        compressed = path.with_name(f"{path.name}.xz")
        compressed.write_bytes(lzma.compress(text.encode()))
        os.utime(compressed, ns=(path.stat().st_mtime_ns,) * 2)
        path.unlink()
        return compressed

    def marker(self, folder: str, name: str, *, at: float = T0) -> Path:
        """An empty file."""
        path = self.section / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (at, at))
        return path

    def write(self, name: str, text: str) -> Path:
        """A file of the section."""
        path = self.section / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def digest(self) -> Sequence[tuple[object, ...]]:
        """Everything about every file that reading does not change."""
        return [
            (path.relative_to(self.root), status.st_mode, status.st_ino, status.st_nlink, status.st_mtime_ns, content)
            for path in sorted(self.root.rglob("*"))
            for status in [path.lstat()]
            for content in [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""]
        ]


def their_master(root: Path) -> TheirMaster:
    """An empty one."""
    for folder in FOLDERS:
        (root / "sid" / folder).mkdir(parents=True)
    return TheirMaster(root)
