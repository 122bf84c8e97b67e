"""The interface `Store` on a database: each method is a transaction around a function of a topic module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime

from piufarm.faults import fault_point
from piufarm.names import Package, SectionName
from piufarm.states import PackageState
from piufarm.store.evaluations import Circumstances, Neighbourhood
from piufarm.store.explanations import Pace, Situation
from piufarm.store.model import (
    ComputedState,
    Dependency,
    IndexPackage,
    NewRun,
    PackageRow,
    Placement,
    Recorded,
    Reservation,
    Run,
    SectionRow,
    Snapshot,
)
from piufarm.store.sql import (
    counts,
    evaluations,
    explanations,
    neighbourhoods,
    packages,
    rows,
    runs,
    sections,
    snapshots,
    takeovers,
)
from piufarm.store.sql.attempts import SqlAttempts
from piufarm.store.sql.database import Database


class SqlStore(SqlAttempts):
    """See piufarm.store.model.Store for what the methods promise."""

    def __init__(self, database: Database) -> None:
        """`database` is closed with the store."""
        self._database = database

    def close(self) -> None:
        self._database.close()

    def release(self) -> None:
        self._database.release()

    def exclusive(self, name: str) -> AbstractContextManager[bool]:
        return self._database.exclusive(name)

    def is_held(self, name: str) -> bool:
        return self._database.is_held(name)

    # sections and their packages

    def sections(self) -> Sequence[SectionRow]:
        with self._database.read() as cursor:
            return packages.sections(cursor)

    def section(self, section: SectionName) -> SectionRow | None:
        with self._database.read() as cursor:
            return next(iter(packages.sections(cursor, section)), None)

    def packages(self, section: SectionName, state: PackageState | None = None) -> Iterator[PackageRow]:
        return packages.packages(self._database, section, state)

    def package(self, section: SectionName, package: Package) -> PackageRow | None:
        with self._database.read() as cursor:
            return packages.package(cursor, section, package)

    def dependencies(self, section: SectionName, package: Package) -> Sequence[Dependency]:
        with self._database.read() as cursor:
            return packages.package_dependencies(cursor, section, package)

    def all_dependencies(self, section: SectionName) -> Iterator[tuple[Package, Sequence[Dependency]]]:
        return packages.all_dependencies(self._database, section)

    def providers(self, section: SectionName) -> Mapping[Package, Sequence[Package]]:
        with self._database.read() as cursor:
            return packages.providers(cursor, section)

    def versions(self, section: SectionName) -> Mapping[str, str]:
        with self._database.read() as cursor:
            return packages.versions(cursor, section)

    def reverse_dependencies(self, section: SectionName, package: Package) -> Sequence[Package]:
        with self._database.read() as cursor:
            return packages.reverse_dependencies(cursor, section, package)

    def counts(self, section: SectionName) -> Mapping[PackageState, int]:
        with self._database.read() as cursor:
            return packages.counts(cursor, section)

    # snapshots, and the evaluation of states

    def replace_packages(
        self,
        section: SectionName,
        packages: Iterable[IndexPackage],
        *,
        index_digest: str,
        now: datetime,
        index_size: int = 0,
        states: Mapping[Package, ComputedState] | None = None,
        evaluated: Circumstances | None = None,
    ) -> int:
        description = snapshots.Description(index_digest, index_size, now)
        return snapshots.replace_packages(
            self._database, section, packages, description, snapshots.Evaluated(states or {}, evaluated)
        )

    def note_refresh(self, section: SectionName, *, now: datetime) -> None:
        with self._database.write() as cursor:
            snapshots.note_refresh(cursor, section, now)

    def look_into(self, section: SectionName, others: Sequence[SectionName]) -> None:
        with self._database.write() as cursor:
            sections.look_into(cursor, section, others)

    def looked_into(self, section: SectionName) -> Sequence[SectionName]:
        with self._database.read() as cursor:
            return sections.looked_into(cursor, rows.find_section(cursor, section))

    def circumstances(self, section: SectionName) -> Circumstances:
        with self._database.read() as cursor:
            return evaluations.circumstances(cursor, section)

    def snapshot(self, section: SectionName) -> Snapshot:
        with self._database.read() as cursor:
            return evaluations.snapshot(cursor, section)

    def changes_since(
        self, section: SectionName, snapshot: Snapshot
    ) -> tuple[Circumstances, Mapping[str, ComputedState]] | None:
        with self._database.read() as cursor:
            return evaluations.changes_since(cursor, section, snapshot)

    def set_states(
        self, section: SectionName, states: Mapping[Package, ComputedState], *, evaluated: Snapshot
    ) -> None:
        evaluations.set_states(self._database, section, states, evaluated)

    def neighbourhood(
        self, section: SectionName, package: Package, *, limit: int, passed: bool = False
    ) -> Neighbourhood | None:
        with self._database.read() as cursor:
            return neighbourhoods.neighbourhood(cursor, section, package, limit, passed=passed)

    def reconsidered(
        self, section: SectionName, states: Mapping[Package, ComputedState], *, around: Neighbourhood
    ) -> None:
        if states:
            with self._database.write(durable=False) as cursor:
                evaluations.reconsidered(cursor, section, states, (around.generation, around.counter))

    def evaluation_due(self, section: SectionName) -> bool:
        with self._database.glance() as cursor:
            return sections.evaluation_due(cursor, section)

    def change_counter(self, section: SectionName) -> int:
        with self._database.read() as cursor:
            return rows.find_section(cursor, section).counter

    # results

    def record_run(self, section: SectionName, run: NewRun) -> Recorded:
        # every result counts itself in the row of its section: nobody waits there until another one is synced
        with self._database.write(durable=False) as cursor:
            recorded = runs.record_run(cursor, section, run)
        fault_point("run.sync-due")
        self._database.sync()
        return recorded

    def runs(
        self,
        section: SectionName,
        *,
        package: Package | None = None,
        current_only: bool = False,
        failed_only: bool = False,
    ) -> Iterator[Run]:
        return runs.runs(self._database, section, package, current_only=current_only, failed_only=failed_only)

    def run(self, run_id: str) -> Run | None:
        with self._database.read() as cursor:
            return runs.run(cursor, run_id)

    def set_placement(self, run_id: str, placement: Placement) -> None:
        with self._database.write() as cursor:
            runs.set_placement(cursor, run_id, placement)

    def runs_out_of_place(self, section: SectionName) -> Sequence[Run]:
        with self._database.read() as cursor:
            return runs.runs_out_of_place(cursor, section)

    def retire(self, section: SectionName, run_ids: Iterable[str]) -> None:
        runs.retire(self._database, section, run_ids)

    # counts per day

    def record_daily_counts(self, section: SectionName, day: date) -> None:
        with self._database.write() as cursor:
            counts.record_daily_counts(cursor, section, day)

    def daily_counts(self, section: SectionName) -> Sequence[tuple[date, Mapping[str, int]]]:
        with self._database.read() as cursor:
            return counts.daily_counts(cursor, section)

    # what others have recorded

    def enter_runs(
        self, section: SectionName, runs: Iterable[Run], problems: Mapping[str, Iterable[str]]
    ) -> Sequence[Run]:
        with self._database.write() as cursor:
            return takeovers.enter_runs(cursor, section, runs, problems)

    def enter_reservations(self, section: SectionName, reservations: Iterable[Reservation]) -> int:
        with self._database.write() as cursor:
            return takeovers.enter_reservations(cursor, section, reservations)

    def enter_daily_counts(self, section: SectionName, days: Iterable[tuple[date, Mapping[str, int]]]) -> int:
        with self._database.write() as cursor:
            return takeovers.enter_daily_counts(cursor, section, days)

    def problems(self, run_id: str) -> Sequence[str]:
        with self._database.read() as cursor:
            return takeovers.problems(cursor, run_id)

    # questions about single packages

    def situation(self, section: SectionName, package: Package) -> Situation | None:
        with self._database.read() as cursor:
            return explanations.situation(cursor, section, package)

    def ahead(self, section: SectionName, package: Package) -> int:
        with self._database.read() as cursor:
            return explanations.ahead(cursor, section, package)

    def retests_ahead(self, section: SectionName, package: Package) -> int:
        with self._database.read() as cursor:
            return explanations.retests_ahead(cursor, section, package)

    def pace(self, section: SectionName, *, now: datetime) -> Pace:
        with self._database.read() as cursor:
            return explanations.pace(cursor, section, now)

    def names_like(self, section: SectionName, text: str) -> Sequence[Package]:
        with self._database.read() as cursor:
            return explanations.names_like(cursor, section, text)
