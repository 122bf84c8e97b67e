"""What a result changes at once: the packages that depend directly on its own. The evaluator does the rest."""

from __future__ import annotations

from typing import Final

from piufarm.names import Package, SectionName
from piufarm.store.model import Store

# What more packages depend on is left to the evaluator, some hundred packages of sid: each of them changes states of
# hundreds or thousands, while the slave that sent the result waits for its `ok`, and others for their answers.
DEPENDENTS_MAX: Final = 250


def follow_up(store: Store, section: SectionName, package: Package, *, passed: bool = False) -> int:
    """Let the direct reverse dependencies of a package take account of its new result; returns how many changed.

    Of a pass, it is enough to know who can be tested now: nobody is worse off.

    Nothing is lost if this is never done: the evaluation that the result has made due finds the same.
    Raises StoreError.
    """
    around = store.neighbourhood(section, package, limit=DEPENDENTS_MAX, passed=passed)
    if around is None or not around.dependents:
        return 0
    from piufarm.master.states.direct import reconsider  # loads what sessions without such results do not need

    states = reconsider(around, passed=passed)
    store.reconsidered(section, states, around=around)
    return len(states)
