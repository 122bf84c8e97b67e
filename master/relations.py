"""Dependency fields of binary packages, as relations that hold on one architecture.

The syntax is that of Debian policy chapter 7; apt's parser decides about `[arch]` and `<profile>`.
"""

from __future__ import annotations

from typing import Final

from piufarm.names import InvalidName, Package, Version
from piufarm.store.model import Dependency, Provided, Relation

_OWN: Final = frozenset({"", "any", "native"})  # qualifiers of a name that mean a package of our architecture
_OPERATORS: Final = {"": "", "<": "<<", "<=": "<=", "=": "=", ">=": ">=", ">": ">>"}  # as apt prints them


class BadRelation(ValueError):
    """A field that apt cannot read, or that names something which cannot be a package or a version."""


class FieldReader:
    """Reads Depends, Pre-Depends and Provides for one architecture.

    A clause that was read once is the same object ever after: an archive repeats most of them many times.
    """

    def __init__(self, arch: str) -> None:
        self._arch = arch
        self._clauses: dict[tuple[str, bool], Dependency | None] = {}  # None: holds on other architectures only
        self._provided: dict[str, tuple[Provided, ...]] = {}

    def dependencies(self, text: str, *, pre: bool = False) -> tuple[Dependency, ...]:
        """The clauses of a Depends or Pre-Depends field. Raises BadRelation."""
        if not text:
            return ()
        found = []
        for part in text.split(","):
            key = part.strip(), pre
            if key not in self._clauses:
                relations = self._relations(part)
                self._clauses[key] = Dependency(relations, pre=pre) if relations else None
            clause = self._clauses[key]
            if clause is not None:
                found.append(clause)
        return tuple(found)

    def provides(self, text: str) -> tuple[Provided, ...]:
        """What a Provides field offers to packages of our architecture. Raises BadRelation."""
        if not text:
            return ()
        found: dict[Provided, None] = {}
        for part in text.split(","):
            if part not in self._provided:
                self._provided[part] = self._offered(part)
            found.update(dict.fromkeys(self._provided[part]))
        return tuple(found)

    def _offered(self, part: str) -> tuple[Provided, ...]:
        if "|" in part:
            raise BadRelation(f"cannot provide one of several: {part.strip()[:80]!r}")
        relations = self._relations(part)
        if any(relation.op not in ("", "=") for relation in relations):
            raise BadRelation(f"only one version can be provided: {part.strip()[:80]!r}")
        return tuple(Provided(relation.name, relation.version) for relation in relations if not relation.arch)

    def _relations(self, part: str) -> tuple[Relation, ...]:
        """The alternatives of one clause, each once; none if the clause is meant for other architectures."""
        import apt_pkg

        try:
            # the parser of source relations also understands [arch] and <profile>, which binary packages seldom have
            parsed = apt_pkg.parse_src_depends(part, False, self._arch)
            relations = dict.fromkeys(self._relation(*found) for clause in parsed for found in clause)
        except (ValueError, InvalidName) as error:
            raise BadRelation(f"cannot read {part.strip()[:80]!r}") from error
        if not part:
            raise BadRelation("cannot read a field with an empty clause")
        return tuple(relations)

    def _relation(self, qualified: str, version: str, op: str) -> Relation:
        name, _, arch = qualified.partition(":")
        return Relation(
            Package(name),
            _OPERATORS[op],
            Version(version) if op else "",
            "" if arch in _OWN or arch == self._arch else Package(arch),
        )
