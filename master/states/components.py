"""Strongly connected components, without recursion: dependency chains are longer than Python's stack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_UNSEEN: Final = -1


def components(successors: Sequence[Sequence[int]], nodes: Iterable[int]) -> list[list[int]]:
    """The components that can be reached from `nodes`, each after everything that it leads to (Tarjan 1972)."""
    search = _Search(successors)
    for node in nodes:
        if search.order[node] == _UNSEEN:
            search.walk(node)
    return search.found


class _Search:
    def __init__(self, successors: Sequence[Sequence[int]]) -> None:
        self.successors = successors
        self.order = [_UNSEEN] * len(successors)  # in which a node was seen first
        self.low = [0] * len(successors)  # the first seen node of the open ones that can be reached
        self.is_open = bytearray(len(successors))
        self.open: list[int] = []
        self.found: list[list[int]] = []
        self._seen = 0

    def walk(self, root: int) -> None:
        self._enter(root)
        path = [(root, iter(self.successors[root]))]
        while path:
            node, rest = path[-1]
            for successor in rest:
                if self.order[successor] == _UNSEEN:
                    self._enter(successor)
                    path.append((successor, iter(self.successors[successor])))
                    break
                if self.is_open[successor]:
                    self.low[node] = min(self.low[node], self.order[successor])
            else:
                path.pop()
                if path:
                    parent = path[-1][0]
                    self.low[parent] = min(self.low[parent], self.low[node])
                if self.low[node] == self.order[node]:
                    self._close(node)

    def _enter(self, node: int) -> None:
        self.order[node] = self.low[node] = self._seen
        self._seen += 1
        self.open.append(node)
        self.is_open[node] = True

    def _close(self, first: int) -> None:
        component: list[int] = []
        while not component or component[-1] != first:
            component.append(self.open.pop())
            self.is_open[component[-1]] = False
        self.found.append(component)
