"""The cached reference of upgrade tests (`chroot-meta-auto`): the tester writes it once and reads it for six hours."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from piufarm.config.model import Section

_MAX_AGE_SECONDS: Final = 6 * 3600
# what a tester says when the reference no longer fits
OUTDATED: Final = (
    b"History of available packages does not match",
    b"Initial package selections do not match",
    b"cannot be used as a reference",  # our own tester
)


def reference_file(section: Section, directory: Path) -> Path | None:
    """The file of a section that uses one, else None; `directory` is the section's own. An old file is removed."""
    if not section.is_upgrade_test or section.chroot_meta_auto is None:
        return None
    parent = section.chroot_meta_directory
    path = (parent / section.name if parent else directory) / section.chroot_meta_auto
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and time.time() - path.stat().st_mtime > _MAX_AGE_SECONDS:
        path.unlink(missing_ok=True)
    return path


class OutdatedReference:
    """Watches a test's output for the sentences that mean: remove the file."""

    def __init__(self) -> None:
        self.seen = False
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """The next piece of output."""
        window = self._tail + data
        self.seen = self.seen or any(text in window for text in OUTDATED)
        self._tail = window[-max(map(len, OUTDATED)) :]
