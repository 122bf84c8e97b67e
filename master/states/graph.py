"""The dependencies of a section as integers: packages are positions, clauses that many packages share are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

from piufarm.master.states.names import SATISFIED, Guest, Names
from piufarm.store.model import Node, Relation, Snapshot


class Option(NamedTuple):
    """A way to satisfy a clause: a position (or SATISFIED, EXCUSED), reached by the alternative of that index."""

    target: int
    alternative: int


class Graph:
    """Who needs whom: by package its clauses, by clause its options in the order of preference.

    A clause without options cannot be satisfied.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.nodes: Sequence[Node] = snapshot.nodes
        self.names = Names(snapshot.nodes, snapshot.others)
        self.options: list[tuple[Option, ...]] = []
        self._targets: list[tuple[int, ...]] = []  # of the options
        self._relations: dict[Relation, tuple[int, ...]] = {}
        self._numbers: dict[int, int] = {}  # of clauses, by their identity: equal ones are mostly one object
        self.clauses = [self._clauses(position, node) for position, node in enumerate(self.nodes)]
        self.guests: Sequence[Guest] = self.names.guests
        self._relations.clear()  # a graph may live longer
        self._numbers.clear()

    def after(self, snapshot: Snapshot) -> Graph:
        """The same graph, when packages of the same archive snapshot have got other results."""
        later = copy(self)
        later.nodes = snapshot.nodes
        return later

    def name(self, position: int) -> str:
        """Of a package of this or another section."""
        size = len(self.nodes)
        return self.nodes[position].name if position < size else self.guests[position - size].package.name

    def users(self) -> list[list[int]]:
        """By clause, the packages that have it."""
        users: list[list[int]] = [[] for _ in self.options]
        for position, clauses in enumerate(self.clauses):
            for clause in clauses:
                users[clause].append(position)
        return users

    def mentions(self) -> list[list[int]]:
        """By position, the clauses that have it as an option, once for each option."""
        mentions: list[list[int]] = [[] for _ in range(len(self.nodes) + len(self.guests))]
        for clause, targets in enumerate(self._targets):
            for target in targets:
                if target >= 0:
                    mentions[target].append(clause)
        return mentions

    def _clauses(self, position: int, node: Node) -> tuple[int, ...]:
        numbers = self._numbers
        found = []
        for alternatives in node.depends:
            number = numbers.get(id(alternatives))
            if number is None:
                number = numbers[id(alternatives)] = self._add(self._resolve(alternatives))
            if position in self._targets[number]:
                number = self._add(_without(position, self.options[number]))
            found.append(number)
        return tuple(found)

    def _add(self, options: tuple[Option, ...]) -> int:
        self.options.append(options)
        self._targets.append(tuple([target for target, _ in options]))
        return len(self.options) - 1

    def _resolve(self, alternatives: tuple[Relation, ...]) -> tuple[Option, ...]:
        return tuple(
            Option(target, index) for index, wanted in enumerate(alternatives) for target in self._find(wanted)
        )

    def _find(self, wanted: Relation) -> tuple[int, ...]:
        found = self._relations.get(wanted)
        if found is None:
            found = self._relations[wanted] = self.names.find(wanted)
        return found


def _without(position: int, options: tuple[Option, ...]) -> tuple[Option, ...]:
    """The options of a package that is one of them itself: it needs nobody."""
    return tuple(Option(SATISFIED, index) if target == position else Option(target, index) for target, index in options)
