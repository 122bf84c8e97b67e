"""Small archives and what became of their packages, in a notation of one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from piufarm.master.refresh.relations import FieldReader
from piufarm.master.states.evaluation import evaluate
from piufarm.names import SectionName
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, ForeignPackage, ForeignSection, Node, Snapshot

_NOTHING_STORED = ComputedState(PackageState.UNKNOWN, "")


def node(line: str, outcome: Outcome | None = None, *, listed: bool = True, recycled: bool = False) -> Node:
    """A package from `name=version (provided, …) -> clause, clause`, in the syntax of Debian's fields; version 1."""
    left, _, right = line.partition("->")
    named, _, provided = left.partition("(")
    name, _, version = named.strip().partition("=")
    fields = FieldReader("amd64")
    return Node(
        name=name,
        version=version or "1",
        listed=listed,
        depends=tuple(clause.alternatives for clause in fields.dependencies(right.strip())),
        provides=fields.provides(provided.strip()[:-1]),
        outcome=outcome,
        stored=_NOTHING_STORED,
        archive_version=version or "1",
        recycled=recycled,
    )


def section(name: str, *lines: str) -> ForeignSection:
    """Another section, a line a package: `name=version (provided, …): state`; without a state it has passed."""
    return ForeignSection(SectionName(name), [foreign(line) for line in lines])


def foreign(line: str) -> ForeignPackage:
    """A package of another section."""
    described, _, state = line.partition(":")
    one = node(described)
    return ForeignPackage(
        one.name, one.version, one.provides, PackageState(state.strip() or PackageState.SUCCESSFULLY_TESTED)
    )


def world(
    *lines: str, others: Sequence[ForeignSection] = (), **named: str
) -> dict[str, ComputedState]:
    """The computed states of these packages, by name.

    The options `passed`, `failed`, `untestable` name packages with a result, `outside` those out of the globs, and
    `recycled` those to be tested again.
    """
    return computed(packages(*lines, **named), others)


def packages(
    *lines: str, passed: str = "", failed: str = "", untestable: str = "", outside: str = "", recycled: str = ""
) -> list[Node]:
    """The packages of a world."""
    outcomes = (
        dict.fromkeys(passed.split(), Outcome.PASS)
        | dict.fromkeys(failed.split(), Outcome.FAIL)
        | dict.fromkeys(untestable.split(), Outcome.UNTESTABLE)
    )
    nodes = []
    for line in lines:
        name = node(line).name
        nodes.append(
            node(line, outcomes.get(name), listed=name not in outside.split(), recycled=name in recycled.split())
        )
    return nodes


def computed(nodes: Sequence[Node], others: Sequence[ForeignSection] = ()) -> dict[str, ComputedState]:
    """The states of all nodes: none of them is what is stored."""
    return {str(name): state for name, state in evaluate(Snapshot(1, 1, nodes, others)).items()}


def states(found: Mapping[str, ComputedState]) -> dict[str, PackageState]:
    """The states alone."""
    return {name: one.state for name, one in found.items()}
