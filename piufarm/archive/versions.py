"""Comparing versions as dpkg does."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache


@cache
def _comparison() -> Callable[[str, str], int]:
    import apt_pkg

    apt_pkg.init_system()  # without it versions cannot be compared
    compare: Callable[[str, str], int] = apt_pkg.version_compare
    return compare


def is_newer(version: str, than: str) -> bool:
    """Whether `version` is strictly higher, in dpkg's order."""
    return _comparison()(version, than) > 0
