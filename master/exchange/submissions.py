"""submissions.txt of a section: when which result came in."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from piufarm.outcome import Outcome

_WORDS: Final = 4  # <unix-time> <outcome> <package> <version>
_LATEST: Final = 253402300799  # 9999-12-31: beyond it no datetime can go


class Submissions:
    """The times at which results came in, of the logs that were asked for."""

    def __init__(self, times: Mapping[str, tuple[int, ...]]) -> None:
        self._times = times

    @classmethod
    def read(cls, path: Path, stems: Container[str]) -> Submissions:
        """Of the results whose `<package>_<version>` is among `stems`; lines that make no sense say nothing.

        Raises OSError; a file that is missing holds no line.
        """
        times: dict[str, tuple[int, ...]] = {}
        try:
            with path.open(encoding="ascii", errors="replace") as stream:
                for line in stream:
                    words = line.split()
                    if len(words) == _WORDS and words[0].isdecimal() and f"{words[2]}_{words[3]}" in stems:
                        when = int(words[0])
                        key = f"{words[1]} {words[2]}_{words[3]}"
                        if when <= _LATEST:
                            times[key] = (*times.get(key, ()), when)
        except FileNotFoundError:
            pass
        return cls(times)

    def nearest(self, outcome: Outcome, stem: str, mtime: float) -> datetime | None:
        """When the result of that log came in; of several of the kind, the one nearest to the log's mtime."""
        found = self._times.get(f"{outcome} {stem}")
        return datetime.fromtimestamp(min(found, key=lambda when: abs(when - mtime)), UTC) if found else None


def new_lines(theirs: Path, ours: Path) -> bytes:
    """Lines of one submissions.txt that another lacks, which began as a copy of it. Raises OSError."""
    with theirs.open("rb") as source, ours.open("rb") as target:
        for line in source:
            if line != target.readline():
                break
        else:
            return b""
        target.seek(0)
        lines = [line, *source]
        missing = set(lines)
        for known in target:
            missing.discard(known)
    return b"".join(line for line in lines if line in missing and line.endswith(b"\n"))
