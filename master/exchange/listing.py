"""What lies in the folder of a section of piuparts-master: its logs by package version, and what is odd there."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.master.layout import ARCHIVE, COMPRESSED, TEMPORARY_PREFIX
from piufarm.names import InvalidName, Package, Version, parse_log_name
from piufarm.outcome import Outcome
from piufarm.store.model import Placement

RESERVED: Final = "reserved"
RECYCLE: Final = "recycle"

_LOG: Final = ".log"
_SIDE_FILES: Final = (".kpr", ".bug")
_UNFINISHED: Final = re.compile(r"tmp[A-Za-z0-9_]{8}")  # what piuparts-master writes a log to before it has its name


class FoundLog(NamedTuple):
    """A log, by its name alone."""

    path: Path
    package: Package
    version: Version
    placement: Placement
    archived: bool

    @property
    def outcome(self) -> Outcome:
        """What the test said; logs in bugged/ and affected/ have failed."""
        return outcome_of(self.placement)

    @property
    def is_compressed(self) -> bool:
        return self.path.name.endswith(COMPRESSED)


class Oddity(NamedTuple):
    """A file that is left alone, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        shown = str(self.path)
        return f"{shown if shown.isprintable() else ascii(shown)} is left alone: {self.reason}"


def outcome_of(placement: Placement) -> Outcome:
    """The outcome of the logs in a classic folder."""
    return Outcome.FAIL if placement in (Placement.BUGGED, Placement.AFFECTED) else Outcome(placement.value)


@dataclass(frozen=True)
class _Folder:
    """The names of the logs in one folder, sorted."""

    path: Path
    placement: Placement
    archived: bool
    names: Sequence[str]

    def keyed(self) -> Iterator[tuple[str, int, Path, _Folder]]:
        for name in self.names:
            yield _stem(name), list(Placement).index(self.placement), self.path / name, self


class Listing:
    """The logs of a section's folder, read once; only their names are in memory."""

    def __init__(self, root: Path) -> None:
        """Raises OSError if a folder cannot be read."""
        self.oddities: list[Oddity] = []
        self._folders = [
            self._read(root / (ARCHIVE if archived else "") / placement, placement, archived)
            for archived in (False, True)
            for placement in Placement
        ]

    @property
    def total(self) -> int:
        """How many logs there are."""
        return sum(len(folder.names) for folder in self._folders)

    def stems(self) -> set[str]:
        """`<package>_<version>` of all logs."""
        return {_stem(name) for folder in self._folders for name in folder.names}

    def versions(self) -> Iterator[Sequence[FoundLog]]:
        """The logs of one package version after the other; first those in the classic folders."""
        merged = heapq.merge(*(folder.keyed() for folder in self._folders), key=lambda keyed: keyed[0])
        for stem, found in groupby(merged, key=lambda keyed: keyed[0]):
            logs = sorted(found, key=lambda keyed: (keyed[3].archived, keyed[1], keyed[2].name))
            try:
                package, version = parse_log_name(stem + _LOG)
            except InvalidName as error:
                self.oddities += [Oddity(path, str(error)) for _, _, path, _ in logs]
                continue
            yield [FoundLog(path, package, version, folder.placement, folder.archived) for _, _, path, folder in logs]

    def _read(self, path: Path, placement: Placement, archived: bool) -> _Folder:
        names = []
        for name in _names(path):
            if name.startswith(TEMPORARY_PREFIX) or name.endswith(_SIDE_FILES):
                continue
            if name.endswith(_LOG) or (archived and name.endswith(_LOG + COMPRESSED)):
                names.append(name)
            elif _UNFINISHED.fullmatch(name):
                self.oddities.append(Oddity(path / name, "piuparts-master has not finished it"))
            else:
                self.oddities.append(Oddity(path / name, "it is not a log"))
        return _Folder(path, placement, archived, sorted(names, key=_stem))


class Marker(NamedTuple):
    """A file whose name says everything: what is reserved, or queued for a retest."""

    path: Path
    package: Package
    version: Version


def markers(folder: Path, oddities: list[Oddity]) -> Iterator[Marker]:
    """The markers in reserved/ or recycle/ by name; what is none of them goes to `oddities`. Raises OSError."""
    for name in sorted(_names(folder)):
        try:
            yield Marker(folder / name, *parse_log_name(name))
        except InvalidName as error:
            oddities.append(Oddity(folder / name, str(error)))


def _names(folder: Path) -> Sequence[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _stem(name: str) -> str:
    return name.removesuffix(COMPRESSED).removesuffix(_LOG)


def section_folders(root: Path) -> set[str]:
    """The names of the sections that a master's directory has folders of, parts joined by `/`. Raises OSError."""
    found = set()
    for depth in ("*", "*/*"):
        for name in (Placement.PASS.value, Placement.FAIL.value, RESERVED):
            found |= {str(path.parent.relative_to(root)) for path in root.glob(f"{depth}/{name}") if path.is_dir()}
    return {name for name in found if not name.endswith(f"/{ARCHIVE}") and not name.startswith(".")}
