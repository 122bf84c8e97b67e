"""A page per package: its state and why, what it needs and who needs it, every run, and the current log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.names import Package
from piufarm.report.artifact import Artifact
from piufarm.report.logview import view_log
from piufarm.report.paths import SitePath
from piufarm.report.reverse import ERROR_STATES, WAITING_STATES
from piufarm.report.section_model import DOES_NOT_EXIST, HISTORY_MAX, SectionModel
from piufarm.report.section_pages import STATE_MEANINGS
from piufarm.report.templating import Pages
from piufarm.states import PackageState
from piufarm.store.model import Dependency, PackageRow, Run, Standing

REVERSE_MAX: Final = 200  # reverse dependencies shown; some libraries have tens of thousands
_MOST_TELLING: Final = (*sorted(ERROR_STATES), *sorted(WAITING_STATES))


class Alternative(NamedTuple):
    """A name that satisfies a clause; `state` is a package's, or "virtual", or why it is neither."""

    name: Package
    path: SitePath | None
    state: str
    chosen: bool
    providers: tuple[tuple[Package, SitePath, str], ...]


class Clause(NamedTuple):
    """A dependency with its alternatives; `pre` for Pre-Depends."""

    pre: bool
    alternatives: tuple[Alternative, ...]


class RunRow(NamedTuple):
    """A run in the history; no log if its file is gone."""

    run: Run
    log: SitePath | None


def package_pages(model: SectionModel, pages: Pages, output: Path) -> Iterator[Artifact]:
    """The pages of all packages of a section, by name."""
    for row in model.packages.values():
        yield _package_page(model, pages, output, row)


def run_log(model: SectionModel, run: Run) -> SitePath:
    """Where the tree shows a run's log: by its placement if it is current, else in the history."""
    if run.standing is Standing.CURRENT:
        return model.paths.log(run.placement, run.package, run.version)
    return model.paths.history(run)


def _package_page(model: SectionModel, pages: Pages, output: Path, row: PackageRow) -> Artifact:
    runs = [
        RunRow(run, run_log(model, run) if run.run_id in model.published else None)
        for run in model.history.get(row.name, ())
    ]
    current = next((entry for entry in runs if entry.run.standing is Standing.CURRENT), None)
    reverse = model.reverse.get(row.name, ())
    context = {
        "section": model.settings.name,
        "paths": model.paths,
        "row": row,
        "meaning": STATE_MEANINGS[row.state],
        "source": model.paths.source(row.source),
        "clauses": [_clause(model, dependency) for dependency in model.dependencies.get(row.name, ())],
        "reverse": _most_telling(model, reverse),
        "reverse_total": len(reverse),
        "runs": runs,
        "current": current,
        "has_older": len(runs) >= HISTORY_MAX,
    }
    late = partial(_log_context, output, current)
    return pages.page(model.paths.package(row.name), "package.html", context, late)


def _log_context(output: Path, current: RunRow | None) -> Mapping[str, object]:
    """The log as it was published: the master may take its own file away at any time."""
    if current is None or current.log is None:
        return {"log": None}
    return {"log": view_log(output / current.log)}


def _clause(model: SectionModel, dependency: Dependency) -> Clause:
    names = dict.fromkeys(relation.name for relation in dependency.alternatives)
    chosen = dependency.chosen or next(iter(names))
    return Clause(dependency.pre, tuple(_alternative(model, name, name == chosen) for name in names))


def _alternative(model: SectionModel, name: Package, chosen: bool) -> Alternative:
    if name in model.packages:
        return Alternative(name, model.paths.package(name), model.states[name], chosen, ())
    providers = tuple(
        (provider, model.paths.package(provider), str(model.states[provider]))
        for provider in model.providers.get(name, ())
        if provider in model.packages
    )
    state = "virtual" if providers else model.outside_state(name) or DOES_NOT_EXIST
    return Alternative(name, None, state, chosen, providers)


def _most_telling(model: SectionModel, names: Sequence[Package]) -> list[tuple[Package, SitePath, PackageState]]:
    """The first REVERSE_MAX, troubled ones in front."""
    ranks = {state: rank for rank, state in enumerate(_MOST_TELLING)}
    ordered = sorted(names, key=lambda name: (ranks.get(model.states[name], len(ranks)), name))
    return [(name, model.paths.package(name), model.states[name]) for name in ordered[:REVERSE_MAX]]
