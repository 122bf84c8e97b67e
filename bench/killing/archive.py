"""A small unsigned archive that changes each time it is published: indexes only, nobody downloads the packages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

from demo.server import ArchiveServer, serve
from piufarm.files import atomic_write
from piufarm.names import Package, Version

ARCHITECTURE: Final = "amd64"
_INDEX: Final = f"main/binary-{ARCHITECTURE}/Packages"
_CHANGING: Final = 0.1  # share of the packages that get a new version each time


@dataclass
class ChangingArchive:
    """`publish` gives some packages a new version, takes some away and brings them back; `chance` decides which."""

    www: Path
    chance: Random
    size: int
    versions: list[int] = field(default_factory=list)

    def publish(self) -> None:
        """Write the next state of the suite sid."""
        if not self.versions:
            self.versions = [1] * self.size
        for number in range(self.size):
            if self.chance.random() < _CHANGING:
                self.versions[number] += 1
        gone = {number for number in range(self.size) if self.chance.random() < _CHANGING / 5}
        index = "\n".join(self._paragraph(number) for number in range(self.size) if number not in gone).encode()
        suite = self.www / "dists" / "sid"
        (suite / _INDEX).parent.mkdir(parents=True, exist_ok=True)
        atomic_write(suite / _INDEX, index, durable=False)
        atomic_write(suite / "Release", _release(index), durable=False)

    def packages(self) -> Sequence[tuple[Package, Version]]:
        """Everything that it ever had, in the present versions."""
        return [(Package(_name(number)), Version(f"{version}.0-1")) for number, version in enumerate(self.versions)]

    def _paragraph(self, number: int) -> str:
        fields = {
            "Package": _name(number),
            "Version": f"{self.versions[number]}.0-1",
            "Architecture": "all",
            "Maintainer": "Somebody <somebody@example.org>",
            "Depends": ", ".join(_depends(number)),
            "Provides": "virtual" if number % 10 == 3 else "",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def _name(number: int) -> str:
    return f"package-{number:03}"


def _depends(number: int) -> Iterator[str]:
    """Chains of three, a cycle here and there, alternatives and a virtual package."""
    if number % 3 == 2:
        yield f"{_name(number - 1)} | {_name(number // 2)}"
    if number % 16 == 15:
        yield "virtual"
    if number % 20 == 18:
        yield _name(number + 1)
    if number % 20 == 19:
        yield _name(number - 1)


def _release(index: bytes) -> str:
    return (
        f"Suite: sid\nCodename: sid\nDate: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S UTC}\n"
        f"Architectures: {ARCHITECTURE}\nComponents: main\n"
        f"SHA256:\n {hashlib.sha256(index).hexdigest()} {len(index)} {_INDEX}\n"
    )


@contextmanager
def changing_archive(directory: Path, chance: Random, size: int) -> Iterator[tuple[ChangingArchive, ArchiveServer]]:
    """An archive and the server that shows it while the block runs."""
    archive = ChangingArchive(directory / "www", chance, size)
    archive.publish()
    with serve(archive.www) as server:
        yield archive, server
