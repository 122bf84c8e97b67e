"""What is noted of a log while it goes by: its size, its SHA-256, and how long the test took."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final

_KEPT: Final = 1024  # bytes of either end that are searched
_LONGEST_SECONDS: Final = 30 * 86400  # no test takes longer; a clock was set

# Slaves begin a log with the first and end it with the second; those of piuparts name the zone GMT or UTC.
_STAMP: Final = rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)$"
_START: Final = re.compile(rb"^Start: " + _STAMP, re.MULTILINE)
_END: Final = re.compile(rb"^End: " + _STAMP, re.MULTILINE)


class LogMeter:
    """Fed with a log's bytes, in pieces of any size."""

    def __init__(self) -> None:
        self.size = 0
        self._digest = hashlib.sha256()
        self._head = b""
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        """Note the next piece."""
        self.size += len(chunk)
        self._digest.update(chunk)
        if len(self._head) < _KEPT:
            self._head += chunk[: _KEPT - len(self._head)]
        self._tail = chunk[-_KEPT:] if len(chunk) >= _KEPT else (self._tail + chunk)[-_KEPT:]

    @property
    def sha256(self) -> str:
        """Of everything so far, in hexadecimal digits."""
        return self._digest.hexdigest()

    @property
    def seconds(self) -> int | None:
        """Between the slave's `Start:` and `End:` lines; None if one is missing or they make no sense."""
        began, ended = _moment(_START.search(self._head)), _moment(_last(_END, self._tail))
        if began is None or ended is None:
            return None
        seconds = int((ended - began).total_seconds())
        return seconds if 0 <= seconds <= _LONGEST_SECONDS else None


def _last(pattern: re.Pattern[bytes], text: bytes) -> re.Match[bytes] | None:
    found = list(pattern.finditer(text))
    return found[-1] if found else None


def _moment(found: re.Match[bytes] | None) -> datetime | None:
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found[1].decode())
    except ValueError:
        return None
