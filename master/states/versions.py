"""Whether one version of a package does where another one is asked for, in the order of dpkg."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_FITS: Final[Mapping[str, Callable[[int], bool]]] = MappingProxyType(
    {
        "<<": lambda order: order < 0,
        "<=": lambda order: order <= 0,
        "=": lambda order: order == 0,
        ">=": lambda order: order >= 0,
        ">>": lambda order: order > 0,
    }
)


class Versions:
    """Compares versions; each question is answered once."""

    def __init__(self) -> None:
        import apt_pkg

        apt_pkg.init_system()  # without it versions cannot be compared
        self._compare = apt_pkg.version_compare
        self._known: dict[tuple[str, str, str], bool] = {}

    def fits(self, version: str, op: str, wanted: str) -> bool:
        """Whether `version` is one that a relation with `op` and `wanted` asks for."""
        if version == wanted:
            return "=" in op
        question = version, op, wanted
        answer = self._known.get(question)
        if answer is None:
            answer = self._known[question] = _FITS[op](self._compare(version, wanted))
        return answer

    def is_newer(self, version: str, than: str) -> bool:
        """Whether the first is strictly newer."""
        return version != than and self._compare(version, than) > 0
