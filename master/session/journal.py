"""master.log, the log of a section's sessions, and the farm-wide log of what went wrong in them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import BinaryIO


class Journal:
    """Appends whole lines to a file that many sessions share; each line says when and which session."""

    def __init__(self, path: Path, session: str) -> None:
        """Open `path`, made if missing. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: BinaryIO = path.open("ab", buffering=0)  # one write a call: lines of others never mix in
        self._session = session

    def write(self, now: datetime, *texts: str) -> None:
        """Append a line for each text. Raises OSError."""
        stamp = f"[{now:%Y-%m-%d %H:%M:%S}] {self._session}"
        lines = "".join(f"{stamp} {_harmless(text)}\n" for text in texts)
        self._stream.write(lines.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Give the file up."""
        self._stream.close()


def _harmless(text: str) -> str:
    """What a peer said, with nothing in it that would do something to a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
