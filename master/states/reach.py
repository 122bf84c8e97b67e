"""How far and how many: what many nodes of a graph lead to, by breadth-first search.

Most nodes lead to little: each of them is searched from alone. The few that lead to half of the graph are searched from
all at once, one bit of a long integer for each.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from typing import Final, NamedTuple

_ALONE: Final = 1000  # edges that a search from one node may follow
_AT_ONCE: Final = 4096  # bits: larger integers need fewer passes over the graph and more memory


class Reach(NamedTuple):
    """What a node leads to: levels including its own, and how many of the counted nodes, itself excluded."""

    levels: int
    counted: int


def reach(
    edges: Sequence[Collection[int]], sources: Sequence[int], counted: Set[int], *, alone: int = _ALONE
) -> dict[int, Reach]:
    """For each source, what can be reached along `edges`; up to `alone` of them are followed from it alone."""
    found: dict[int, Reach] = {}
    far = []
    for source in sources:
        near = _reach_alone(edges, source, counted, effort=alone)
        if near is None:
            far.append(source)
        else:
            found[source] = near
    for start in range(0, len(far), _AT_ONCE):
        found |= _reach_at_once(edges, far[start : start + _AT_ONCE], counted)
    return found


def _reach_alone(edges: Sequence[Collection[int]], source: int, counted: Set[int], *, effort: int) -> Reach | None:
    """None if it leads too far."""
    reached = {source}
    front: Collection[int] = reached
    levels = 1
    while True:
        following = [edges[node] for node in front]
        effort -= sum(map(len, following))
        if effort < 0:
            return None
        front = set().union(*following) - reached
        if not front:
            return Reach(levels, len(reached & counted) - (source in counted))
        levels += 1
        reached |= front


def _reach_at_once(edges: Sequence[Collection[int]], sources: Sequence[int], counted: Set[int]) -> dict[int, Reach]:
    reached: dict[int, int] = {}  # node: bits of the sources that have come here
    for bit, source in enumerate(sources):
        reached[source] = reached.get(source, 0) | 1 << bit
    levels = [1] * len(sources)
    front = dict(reached)
    level = 1
    while front:
        level += 1
        front = _next_front(edges, front, reached)
        arrived = 0
        for bits in front.values():
            arrived |= bits
        for bit in _bits(arrived):
            levels[bit] = level
    counts = _counts([bits for node, bits in reached.items() if node in counted], len(sources))
    return {
        source: Reach(depth, count - (source in counted))
        for source, depth, count in zip(sources, levels, counts, strict=True)
    }


def _next_front(edges: Sequence[Collection[int]], front: dict[int, int], reached: dict[int, int]) -> dict[int, int]:
    """Moves on by one edge; what comes to a node for the first time is noted in `reached`, too."""
    arrived: dict[int, int] = {}
    for node, bits in front.items():
        for successor in edges[node]:
            arrived[successor] = arrived[successor] | bits if successor in arrived else bits
    following: dict[int, int] = {}
    for node, bits in arrived.items():
        known = reached.get(node, 0)
        new = bits & ~known
        if new:
            following[node] = new
            reached[node] = known | new
    return following


def _bits(number: int) -> list[int]:
    """The positions of the bits that are set."""
    text = f"{number:b}"[::-1]
    return [position for position, digit in enumerate(text) if digit == "1"]


def _counts(columns: Sequence[int], width: int) -> list[int]:
    """For each bit position, in how many of the integers it is set: adds them all up at once, digit by digit."""
    digits: list[int] = []  # digits[k] holds, for each position, the binary digit 2**k of its sum
    for carry in columns:
        position = 0
        while carry:
            if position == len(digits):
                digits.append(0)
            digits[position], carry = digits[position] ^ carry, digits[position] & carry
            position += 1
    sums = [0] * width
    for position, digit in enumerate(digits):
        for bit in _bits(digit):
            sums[bit] += 1 << position
    return sums
