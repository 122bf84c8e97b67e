"""Diversions of files, from dpkg's own record of them, told as `dpkg-divert --list` tells them."""

from __future__ import annotations

from typing import Final, NamedTuple

DIVERSIONS: Final = "/var/lib/dpkg/diversions"


class Diversion(NamedTuple):
    """Where a path's content goes instead, and for whom (`:` is the local administrator)."""

    path: str
    diverted_to: str
    package: str

    def __str__(self) -> str:
        if self.package == ":":
            return f"local diversion of {self.path} to {self.diverted_to}"
        return f"diversion of {self.path} to {self.diverted_to} by {self.package}"


def parse_diversions(content: bytes | None) -> tuple[Diversion, ...]:
    """From the content of /var/lib/dpkg/diversions: three lines for each. A missing file has none."""
    lines = (content or b"").decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    return tuple(Diversion(*lines[i : i + 3]) for i in range(0, len(lines) - 2, 3))
