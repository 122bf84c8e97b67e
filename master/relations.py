"""Dependency fields of binary packages as clauses of names; versions and architectures only decide what is parsed."""

from __future__ import annotations

from piufarm.names import InvalidName, Package
from piufarm.store.model import Dependency


class BadRelation(ValueError):
    """A dependency field that apt cannot read, or that names something which cannot be a package."""


def parse_dependencies(text: str, *, arch: str, pre: bool = False) -> tuple[Dependency, ...]:
    """The clauses of a Depends or Pre-Depends field that hold on `arch`. Raises BadRelation."""
    return tuple(Dependency(clause, pre=pre) for clause in _clauses(text, arch))


def parse_provides(text: str, *, arch: str) -> tuple[Package, ...]:
    """The names in a Provides field. Raises BadRelation."""
    return tuple(dict.fromkeys(name for clause in _clauses(text, arch) for name in clause))


def _clauses(text: str, arch: str) -> list[tuple[Package, ...]]:
    import apt_pkg

    if not text:
        return []
    try:
        # the parser of source relations also understands [arch] and <profile>, which binary packages seldom have
        parsed = apt_pkg.parse_src_depends(text, True, arch)
        return [
            tuple(dict.fromkeys(Package(name.partition(":")[0]) for name, _, _ in alternatives))
            for alternatives in parsed
        ]
    except (ValueError, InvalidName) as error:
        raise BadRelation(f"cannot read {text[:80]!r}") from error
