"""Custom scripts of a farm: which files of its script directories they are, and when each of them runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.errors import UsageError

SCRIPTS_PLACE: Final = "/tmp/scripts"  # where in a chroot they run; some name each other by it
_PREFIXES: Final = ("pre_", "post_", "is_testable_")
_OF_DPKG: Final = ".dpkg-"  # a conffile's other version, which dpkg left beside it
_ANYBODY_MAY_EXECUTE: Final = 0o111


@dataclass(frozen=True)
class CustomScript:
    """A program to run in the chroot; its name, odd bytes as surrogate escapes, begins with that of its phase."""

    name: str
    content: bytes
    mode: int


@dataclass(frozen=True)
class ScriptSet:
    """The scripts of all directories, sorted by the bytes of their names."""

    scripts: tuple[CustomScript, ...] = ()

    def of(self, phase: str) -> tuple[CustomScript, ...]:
        """Those to run at a phase."""
        return tuple(script for script in self.scripts if script.name.startswith(phase))


def read_scripts(directories: Sequence[Path]) -> ScriptSet:
    """The scripts in these directories; of two with the same name, that of the later directory.

    Raises UsageError for what is no directory and for a script that cannot be read or executed.
    """
    found: dict[str, Path] = {}
    for directory in directories:
        try:
            paths = list(directory.iterdir())
        except OSError as error:
            hint = "--scriptsdir takes a directory that holds scripts such as pre_install_example"
            raise UsageError(f"cannot read the script directory {directory}: {error.strerror}", hint=hint) from error
        found.update((path.name, path) for path in paths if _is_script(path))
    return ScriptSet(tuple(_read(found[name]) for name in sorted(found, key=os.fsencode)))


def _is_script(path: Path) -> bool:
    return path.name.startswith(_PREFIXES) and _OF_DPKG not in path.name and path.is_file()


def _read(path: Path) -> CustomScript:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the custom script {path}: {error.strerror}") from error
    if not mode & _ANYBODY_MAY_EXECUTE:
        raise UsageError(f"the custom script {path} is not executable", hint=f"chmod +x {path}, or remove it")
    return CustomScript(path.name, content, mode)
