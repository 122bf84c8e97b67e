"""File systems of a few hundred kilobytes, to be filled, and to be made read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.run import run
from tests.support.wait import wait_until

_BLOCK: Final = b"x" * 4096


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own at `directory`."""

    directory: Path

    @property
    def _filler(self) -> Path:
        return self.directory / "filler"

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("ab", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(_BLOCK)

    def make_room(self) -> None:
        """Take the filling away."""
        self._filler.unlink()

    def make_read_only(self) -> None:
        """Let nothing be written any more, as soon as nobody has anything open for it: an evaluator may have."""
        remount = ["mount", "-o", "remount,ro", str(self.directory)]
        wait_until(lambda: run(remount, check=False).status == 0, "the end of all that write there")

    def make_writable(self) -> None:
        """As it was."""
        run(["mount", "-o", "remount,rw", self.directory])


@contextmanager
def small_disk(directory: Path, kilobytes: int) -> Iterator[SmallDisk]:
    """An empty file system over a directory, made if missing, while the block runs."""
    directory.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=755", "piufarm-test", directory])
    try:
        yield SmallDisk(directory)
    finally:
        run(["umount", "--lazy", directory])  # an evaluator that a session has started may still be at work there
