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
        self._plain = _Clauses(arch, pre=False)
        self._early = _Clauses(arch, pre=True)

    def dependencies(self, text: str, *, pre: bool = False) -> tuple[Dependency, ...]:
        """The clauses of a Depends or Pre-Depends field. Raises BadRelation."""
        if not text:
            return ()
        known = self._early if pre else self._plain
        found = tuple(map(known.__getitem__, text.split(",")))
        return tuple(clause for clause in found if clause.alternatives) if known.nothing in found else found

    def provides(self, text: str) -> tuple[Provided, ...]:
        """What a Provides field offers to packages of our architecture. Raises BadRelation."""
        if not text:
            return ()
        found: dict[Provided, None] = {}
        for alternatives in _relations(text, self._arch):
            if len(alternatives) > 1 or alternatives[0].op not in ("", "="):
                clause = " | ".join(map(str, alternatives))
                raise BadRelation(f"cannot provide {clause[:80]!r}: neither one name nor one version of it")
            name, _, version, arch = alternatives[0]
            if not arch:
                found[Provided(name, version)] = None
        return tuple(found)


class _Clauses(dict[str, Dependency]):
    """Clauses by their texts; `nothing` are those that hold on other architectures only."""

    def __init__(self, arch: str, *, pre: bool) -> None:
        super().__init__()
        self._arch = arch
        self._pre = pre
        self.nothing = Dependency((), pre=pre)

    def __missing__(self, text: str) -> Dependency:
        stripped = text.strip()
        if stripped != text:
            clause = self[stripped]
        elif not text:
            raise BadRelation("cannot read a field with an empty clause")
        else:
            relations = _relations(text, self._arch)
            clause = Dependency(relations[0], pre=self._pre) if relations else self.nothing
        self[text] = clause
        return clause


def _relations(text: str, arch: str) -> list[tuple[Relation, ...]]:
    """The clauses of a text that hold on `arch`, the alternatives of each once."""
    import apt_pkg

    try:
        # the parser of source relations also understands [arch] and <profile>, which binary packages seldom have
        parsed = apt_pkg.parse_src_depends(text, False, arch)
        return [
            tuple(dict.fromkeys([_relation(name, version, op, arch) for name, version, op in clause]))
            for clause in parsed
        ]
    except (ValueError, InvalidName, KeyError) as error:  # a key: an operator that Debian has no use for
        raise BadRelation(f"cannot read {text.strip()[:80]!r}") from error


def _relation(qualified: str, version: str, op: str, own: str) -> Relation:
    name, _, arch = qualified.partition(":")
    return Relation(
        Package(name),
        _OPERATORS[op],
        Version(version) if op else "",
        "" if arch in _OWN or arch == own else Package(arch),
    )
