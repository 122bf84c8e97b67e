"""The dependencies of a section as integers: nodes are positions in the snapshot, names are resolved once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from piufarm.store.model import Node, Relation

SATISFIED: Final = -1  # stands for a target that needs no test

# Packages of another architecture that real archives depend on, and names whose absence is no mistake of the package
# that needs them: both count as good where a section does not hold them.
FOREIGN: Final = frozenset({"ia32-libs-i386", "ia32-libs-gtk-i386", "libnss-mdns-i386"})
IGNORED_MISSING: Final = frozenset(
    {
        "kbdcontrol",
        "vidcontrol",
        "mediawiki",
        "llvm-3.7-dev",
        "oracle-instantclient-basic",
        "oracle-instantclient-11.2-basic",
        "oracle-instantclient-12.1-basic",
        "oracle-instantclient11.2-basic",
        "oracle-instantclient12.1-basic",
    }
)


class Option(NamedTuple):
    """A way to satisfy a clause: a node (or SATISFIED), reached by the alternative of that index."""

    target: int
    alternative: int


Clause = tuple[Option, ...]  # in the order of preference; empty if no alternative exists


class Graph:
    """Who needs whom. A name stands for the package of that name, then for its providers by name."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self._targets = _targets_by_name(nodes)
        self._resolved: dict[tuple[Relation, ...], Clause] = {}  # many packages share clauses such as libc6
        self.clauses = [self._clauses(position, node) for position, node in enumerate(nodes)]

    def _clauses(self, position: int, node: Node) -> tuple[Clause, ...]:
        return tuple(
            tuple(Option(SATISFIED, option.alternative) if option.target == position else option for option in clause)
            for clause in map(self._resolve, node.depends)
        )

    def _resolve(self, alternatives: tuple[Relation, ...]) -> Clause:
        known = self._resolved.get(alternatives)
        if known is None:
            known = tuple(
                Option(target, index)
                for index, wanted in enumerate(alternatives)
                for target in self._candidates(wanted.name)
            )
            self._resolved[alternatives] = known
        return known

    def _candidates(self, name: str) -> Iterable[int]:
        found = self._targets.get(name)
        if found is None:
            return (SATISFIED,) if name in FOREIGN or name in IGNORED_MISSING else ()
        return found


def _targets_by_name(nodes: Sequence[Node]) -> dict[str, list[int]]:
    targets = {node.name: [position] for position, node in enumerate(nodes)}
    # by name, because whoever is asked first can decide which packages are one cycle
    for position, node in sorted(enumerate(nodes), key=lambda numbered: numbered[1].name):
        for virtual in dict.fromkeys(provided.name for provided in node.provides):
            if virtual != node.name:
                targets.setdefault(virtual, []).append(position)
    return targets
