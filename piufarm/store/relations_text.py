"""Relations as the tables hold them: `libc6>=2.34|libc6.1,foo`, clauses joined by commas, alternatives by bars."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from piufarm.names import Package
from piufarm.store.model import Provided, Relation

Clause = tuple[Relation, ...]

# neither names nor versions hold any of the separators
_RELATION: Final = re.compile(r"([^<>=:]+)(?::([^<>=]+))?(?:(<<|<=|=|>=|>>)(.+))?")


def clauses_text(clauses: Iterable[Sequence[Relation]]) -> str:
    """The text of all clauses of a field."""
    return ",".join("|".join(map(_relation_text, clause)) for clause in clauses)


def provides_text(provides: Iterable[Provided]) -> str:
    """The text of what a package provides."""
    return ",".join(f"{name}={version}" if version else name for name, version in provides)


def _relation_text(relation: Relation) -> str:
    name, op, version, arch = relation
    return f"{name}:{arch}{op}{version}" if arch else f"{name}{op}{version}"


class RelationsReader:
    """Reads relations from their texts; equal clauses, of which an archive has many, become one object."""

    def __init__(self) -> None:
        self._clauses = _Clauses()
        self._provided = _ProvidedNames()

    def clauses(self, text: str) -> tuple[Clause, ...]:
        """The clauses of a field."""
        return tuple(map(self._clauses.__getitem__, text.split(","))) if text else ()

    def provides(self, text: str) -> tuple[Provided, ...]:
        """What a package provides."""
        return tuple(map(self._provided.__getitem__, text.split(","))) if text else ()


class _Clauses(dict[str, Clause]):
    def __missing__(self, text: str) -> Clause:
        clause = self[text] = tuple(map(_relation, text.split("|")))
        return clause


class _ProvidedNames(dict[str, Provided]):
    def __missing__(self, text: str) -> Provided:
        name, _, version = text.partition("=")
        provided = self[text] = Provided(_known(name), version)
        return provided


def _relation(text: str) -> Relation:
    found = _RELATION.fullmatch(text)
    if found is None:
        raise ValueError(f"not a relation: {text!r}")
    name, arch, op, version = found.groups("")
    return Relation(_known(name), op, version, arch)


def _known(name: str) -> Package:
    """A name that was checked when it was stored."""
    return str.__new__(Package, name)
