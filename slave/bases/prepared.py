"""A base image in the cache: an unpacked tree, its index, its packages, and how it was prepared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from piufarm.slave.chroot.interface import CommandResult, Entry


class PreparedBase:
    """Implements the Base of the chroot interface; holds a shared lock on its copy until it is closed."""

    base_id: str  # identifies the content
    root: Path
    tree: Mapping[str, Entry]
    packages: Mapping[str, str]
    preparation: Sequence[CommandResult]  # what was run to prepare this copy, for the log

    def close(self) -> None:
        """Let go of the copy: an outdated one may be removed now."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
