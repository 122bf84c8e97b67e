"""Names of locks as numbers, which is what both databases lock by."""

from __future__ import annotations

from hashlib import blake2b


def lock_number(name: str) -> int:
    """A number below 2^62 that stands for a name; two names with the same one are as good as impossible."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 2
