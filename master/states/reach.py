"""How far and how many: breadth-first searches from many nodes at once, one bit of an integer for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_SOURCES_AT_ONCE: Final = 4096  # bits: larger integers need fewer passes over the graph and more memory


class Reach(NamedTuple):
    """What a node leads to: levels including its own, and how many of the counted nodes, itself excluded."""

    levels: int
    counted: int


def reach(edges: Sequence[Sequence[int]], sources: Sequence[int], counted: Sequence[bool]) -> list[Reach]:
    """For each source, what can be reached along `edges`."""
    found: list[Reach] = []
    for start in range(0, len(sources), _SOURCES_AT_ONCE):
        found += _reach_at_once(edges, sources[start : start + _SOURCES_AT_ONCE], counted)
    return found


def _reach_at_once(edges: Sequence[Sequence[int]], sources: Sequence[int], counted: Sequence[bool]) -> list[Reach]:
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
    counts = _counts([bits for node, bits in reached.items() if counted[node]], len(sources))
    return [
        Reach(depth, count - counted[source])
        for source, depth, count in zip(sources, levels, counts, strict=True)
    ]


def _next_front(edges: Sequence[Sequence[int]], front: dict[int, int], reached: dict[int, int]) -> dict[int, int]:
    following: dict[int, int] = {}
    for node, bits in front.items():
        for successor in edges[node]:
            new = bits & ~reached.get(successor, 0)
            if new:
                following[successor] = following.get(successor, 0) | new
    for node, bits in following.items():
        reached[node] = reached.get(node, 0) | bits
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
