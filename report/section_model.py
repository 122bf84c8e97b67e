"""What the pages of one section are made from: the store's answers, read once and put in reach of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import chain
from typing import Final

from piufarm.config.model import Section
from piufarm.names import Package, SectionName
from piufarm.report.paths import SectionPaths
from piufarm.report.reverse import reverse_edges
from piufarm.states import PackageState
from piufarm.store.model import Dependency, PackageRow, Reservation, Run, SectionRow, Standing, Store

HISTORY_MAX: Final = 50  # runs of a package that its page shows
DOES_NOT_EXIST: Final = "does-not-exist"
OUTSIDE: Final = "not-in-this-section"


@dataclass(frozen=True)
class SectionModel:
    """One section as it was when it was read.

    `history` holds the latest runs of each package, newest first, and the current one in any case. `outside` are
    packages that the section does not test and that others depend on. `elsewhere` has packages that are outdated here,
    as the first section tests them that is looked into and has them up to date.
    """

    settings: Section
    row: SectionRow | None
    packages: Mapping[Package, PackageRow]
    dependencies: Mapping[Package, Sequence[Dependency]]
    providers: Mapping[Package, Sequence[Package]]
    outside: Mapping[Package, PackageState]
    elsewhere: Mapping[Package, PackageRow]
    history: Mapping[Package, Sequence[Run]]
    reservations: Sequence[Reservation]
    daily: Sequence[tuple[date, Mapping[str, int]]]
    published: set[str] = field(default_factory=set)  # run ids whose log is in the tree

    @cached_property
    def paths(self) -> SectionPaths:
        return SectionPaths(self.settings.name)

    @cached_property
    def states(self) -> Mapping[Package, PackageState]:
        return {name: row.state for name, row in self.packages.items()}

    @cached_property
    def counts(self) -> Mapping[PackageState, int]:
        counts = dict.fromkeys(PackageState, 0)
        for state in self.states.values():
            counts[state] += 1
        return counts

    @cached_property
    def current(self) -> Sequence[Run]:
        """The current result of each package that has one, by name."""
        return [run for runs in self.history.values() for run in runs if run.standing is Standing.CURRENT]

    @cached_property
    def reverse(self) -> Mapping[Package, Sequence[Package]]:
        return reverse_edges(self.dependencies, self.states, self.providers)

    @cached_property
    def sources(self) -> Mapping[Package, Sequence[PackageRow]]:
        """The binary packages of each source package, by name."""
        sources: dict[Package, list[PackageRow]] = {}
        for row in self.packages.values():
            sources.setdefault(row.source, []).append(row)
        return dict(sorted(sources.items()))

    @property
    def latest_result(self) -> datetime | None:
        return max((runs[0].received_at for runs in self.history.values()), default=None)

    def outside_state(self, name: Package) -> str | None:
        """What is known of a package that is not in the section: only a failure would be of weight; None if nothing."""
        state = self.outside.get(name)
        return OUTSIDE if state is not None and state is not PackageState.FAILED_TESTING else state

    def current_run(self, package: Package) -> Run | None:
        return next((run for run in self.history.get(package, ()) if run.standing is Standing.CURRENT), None)


def load_section(store: Store, settings: Section, today: date) -> SectionModel:
    """Read a section; today's counts are brought up to date first. Raises StoreError."""
    name = settings.name
    row = store.section(name)
    if row is not None and dict(store.daily_counts(name)).get(today) != store.counts(name):
        store.record_daily_counts(name, today)
    history: dict[Package, list[Run]] = {}
    for run in store.runs(name):
        history.setdefault(run.package, []).append(run)
    for runs in history.values():
        runs.sort(key=lambda run: (run.received_at, run.run_id), reverse=True)
        runs[HISTORY_MAX:] = [run for run in runs[HISTORY_MAX:] if run.standing is Standing.CURRENT]
    packages = {package.name: package for package in store.packages(name)}
    dependencies = dict(store.all_dependencies(name))
    providers = store.providers(name)
    return SectionModel(
        settings=settings,
        row=row,
        packages=packages,
        dependencies=dependencies,
        providers=providers,
        outside=_outside(store, name, {*_named(dependencies), *chain(*providers.values())} - packages.keys()),
        elsewhere=_elsewhere(store, name, packages.values()),
        history=history,
        reservations=store.reservations(name),
        daily=store.daily_counts(name),
    )


def _named(dependencies: Mapping[Package, Sequence[Dependency]]) -> Iterator[Package]:
    for clauses in dependencies.values():
        for clause in clauses:
            yield from (relation.name for relation in clause.alternatives)


def _outside(store: Store, section: SectionName, names: Iterable[Package]) -> Mapping[Package, PackageState]:
    rows = (store.package(section, name) for name in sorted(names))
    return {row.name: row.state for row in rows if row is not None}


def _elsewhere(store: Store, section: SectionName, packages: Iterable[PackageRow]) -> Mapping[Package, PackageRow]:
    others = store.looked_into(section)
    found: dict[Package, PackageRow] = {}
    for outdated in (row.name for row in packages if row.state is PackageState.OUTDATED):
        rows = (store.package(other, outdated) for other in others)
        tested = (row for row in rows if row is not None and row.listed and row.state is not PackageState.OUTDATED)
        if (row := next(tested, None)) is not None:
            found[outdated] = row
    return found
