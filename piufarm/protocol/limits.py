"""How much a peer may send. Everything that a peer controls has its bound here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024
LEASE_MAX: Final = 1000  # packages that one `lease` may ask for


@dataclass(frozen=True)
class Limits:
    """Bounds of one session; going beyond one ends it with a RemoteProtocolError.

    Lines are counted without their LF, bodies without the leading spaces.
    """

    request_bytes: int = 1024  # the longest legal request has less than 300
    reply_bytes: int = 4 * MIB  # `_list` answers with every package name of a section in one line
    body_bytes: int = 256 * MIB
    body_lines: int = 16 * MIB
    requests: int = 100_000  # a slave with more to say connects again
    window_bytes: int = 8 * MIB  # of memory that unpacking may take; RFC 8878 asks a decoder for as much


DEFAULT_LIMITS: Final = Limits()
