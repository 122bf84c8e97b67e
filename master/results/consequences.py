"""What a result changes at once: the packages that depend directly on its own. The evaluator does the rest."""

from __future__ import annotations

from piufarm.names import Package, SectionName
from piufarm.store.model import Store


def follow_up(store: Store, section: SectionName, package: Package, *, passed: bool = False) -> int:
    """Let the direct reverse dependencies of a package take account of its new result; returns how many changed.

    Of a pass, it is enough to know who can be tested now: nobody is worse off.

    Nothing is lost if this is never done: the evaluation that the result has made due finds the same.
    Raises StoreError.
    """
    changed = 0
    for around in store.neighbourhoods(section, package, passed=passed):
        from piufarm.master.states.direct import reconsider  # loads what sessions without such results do not need

        states = reconsider(around, passed=passed)
        store.reconsidered(section, states, around=around)
        changed += len(states)
    return changed
