"""Questions about packages and their states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import assert_never

from piufarm.config.model import Section
from piufarm.master.session.dependency_queries import Dependencies
from piufarm.master.session.names_query import state_of_name
from piufarm.master.session.surroundings import Surroundings
from piufarm.names import Package
from piufarm.protocol.messages import (
    Error,
    Ok,
    QueryDepcycle,
    QueryDepends,
    QueryList,
    QueryRecursiveDepends,
    QueryState,
    Reply,
)
from piufarm.states import PackageState

Query = QueryState | QueryDepends | QueryRecursiveDepends | QueryDepcycle | QueryList


class Questions:
    """About one section."""

    def __init__(self, section: Section, around: Surroundings) -> None:
        self._section = section.name
        self._store = around.store

    def status(self, *, retest: bool) -> Reply:
        """Packages per state, as they are now."""
        counts = self._store.retest_counts(self._section) if retest else self._store.counts(self._section)
        words = [f"{state}={counts[state]}" for state in PackageState]
        return Ok((*(["(recycle)"] if retest else []), *words, f"total={sum(counts.values())}"))

    def look_up(self, query: Query, *, retest: bool) -> Reply:
        """What a person asks in passing."""
        if isinstance(query, QueryList):
            if query.state not in list(PackageState):
                return Error()
            return Ok(tuple(self._in_state(PackageState(query.state), retest=retest)))
        if isinstance(query, QueryState):
            found = state_of_name(self._store, self._section, query.package)
            seen = self._store.retest_states(self._section).get(query.package) if retest else None
            return Ok((seen or found.state, found.version))
        if self._store.package(self._section, query.package) is None:
            return Error()
        return Ok(tuple(self._dependencies(query)))

    def _in_state(self, state: PackageState, *, retest: bool) -> Sequence[Package]:
        """The packages in a state, by name."""
        names = [row.name for row in self._store.packages(self._section, state)]
        if not retest:
            return names
        seen = self._store.retest_states(self._section)
        others = [name for name in names if name not in seen]
        return sorted([*others, *(name for name, now in seen.items() if now is state)])

    def why(self, package: Package, now: datetime) -> Reply:
        """What a package waits for, in one sentence."""
        from piufarm.master.why.chain import explain  # few sessions are asked
        from piufarm.master.why.words import sentence

        explanation = explain(self._store, self._section, package, now=now)
        return Error() if explanation is None else Ok(tuple(sentence(explanation, now).split()))

    def _dependencies(self, query: QueryDepends | QueryRecursiveDepends | QueryDepcycle) -> Iterable[Package]:
        dependencies = Dependencies(self._store, self._section)
        match query:
            case QueryDepends(package):
                return dependencies.direct(package)
            case QueryRecursiveDepends(package):
                return dependencies.closure(package)
            case QueryDepcycle(package):
                return dependencies.cycle(package)
            case _:
                assert_never(query)
