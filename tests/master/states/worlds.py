"""Small archives and what became of their packages, in a notation of one line each."""

from __future__ import annotations

from collections.abc import Sequence

from piufarm.master.relations import FieldReader
from piufarm.master.states.evaluation import evaluate
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Node, Snapshot

_NOTHING_STORED = ComputedState(PackageState.UNKNOWN, "")


def node(line: str, outcome: Outcome | None = None, *, listed: bool = True) -> Node:
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
    )


def world(
    *lines: str, passed: str = "", failed: str = "", untestable: str = "", outside: str = ""
) -> dict[str, ComputedState]:
    """The computed states of these packages, by name; the options name those with a result, or out of the globs."""
    outcomes = (
        dict.fromkeys(passed.split(), Outcome.PASS)
        | dict.fromkeys(failed.split(), Outcome.FAIL)
        | dict.fromkeys(untestable.split(), Outcome.UNTESTABLE)
    )
    nodes = []
    for line in lines:
        name = line.split()[0]
        nodes.append(node(line, outcomes.get(name), listed=name not in outside.split()))
    return computed(nodes)


def computed(nodes: Sequence[Node]) -> dict[str, ComputedState]:
    """The states of all nodes: none of them is what is stored."""
    return {str(name): state for name, state in evaluate(Snapshot(1, 1, nodes)).items()}
