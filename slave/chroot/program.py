"""The supervisor's text: the files of perl/ in one, given to the host's perl on its command line."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "perl"
_SUPERVISOR: Final = ("kernel", "frames", "files", "processes", "commands", "relay", "main", "launch")


def _text(names: tuple[str, ...]) -> str:
    return "\n".join(f'# line 1 "{name}.pl"\n{(_FOLDER / f"{name}.pl").read_text()}' for name in names)


@cache
def supervisor_text() -> str:
    """What `perl -e` runs as root on the host: launcher first, then init of the new PID namespace."""
    return _text(_SUPERVISOR)
