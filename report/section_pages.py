"""The pages about a whole section: its index, one list a state, one list a kind of log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from piufarm.names import Package
from piufarm.report.artifact import Artifact
from piufarm.report.charts import SMALL_NAME, WIDE_NAME
from piufarm.report.description import describe
from piufarm.report.paths import LISTS, SitePath
from piufarm.report.reverse import ERROR_STATES, WAITING_STATES, followed
from piufarm.report.section_model import DOES_NOT_EXIST, OUTSIDE, SectionModel
from piufarm.report.shares import Share, shares
from piufarm.report.templating import Pages
from piufarm.states import PackageState
from piufarm.store.model import PackageRow, Placement, Reservation, Run

Row = TypeVar("Row")

ROWS_PER_PAGE: Final = 500
_CULPRITS_MAX: Final = 12  # dependencies shown beside a package that they hold up

STATE_MEANINGS: Final[Mapping[PackageState, str]] = {
    PackageState.SUCCESSFULLY_TESTED: "Installed, and went away without a trace.",
    PackageState.FAILED_TESTING: "The test found a problem in the package.",
    PackageState.CANNOT_BE_TESTED: "The package could not be put to the test.",
    PackageState.WAITING_TO_BE_TESTED: "Everything it needs has passed; a slave will take it next.",
    PackageState.WAITING_FOR_DEPENDENCY: "A dependency has to be tested first.",
    PackageState.DEPENDENCY_FAILED: "Held up by a dependency that failed its test.",
    PackageState.DEPENDENCY_CANNOT_BE_TESTED: "Held up by a dependency that cannot be tested.",
    PackageState.DEPENDENCY_DOES_NOT_EXIST: "Depends on something that the archive does not have.",
    PackageState.UNKNOWN: "Nothing is known about it yet.",
    PackageState.OUTDATED: "Another section has a newer version.",
}
LIST_MEANINGS: Final[Mapping[str, str]] = {
    "pass": "Packages whose current version passed its test.",
    "fail": "Packages whose current version failed its test, no bug known yet.",
    "untestable": "Packages whose current version could not be tested.",
    "bugged": "Failures that have a bug report.",
    "affected": "Failures that come from a bug in another package.",
    "reserved": "Packages that slaves are testing now.",
}
# where the logs of packages in a state are listed
_LISTS_OF_STATE: Final[Mapping[PackageState, tuple[str, ...]]] = {
    PackageState.SUCCESSFULLY_TESTED: ("pass",),
    PackageState.FAILED_TESTING: ("fail", "bugged", "affected"),
    PackageState.CANNOT_BE_TESTED: ("untestable",),
    PackageState.WAITING_TO_BE_TESTED: ("reserved",),
}


class PagerLink(NamedTuple):
    """A part of a long list: its page, and the name that it begins with."""

    path: SitePath
    first: str
    here: bool


class Culprit(NamedTuple):
    """A dependency that explains a state; no page if it is not a package of the section."""

    name: str
    path: SitePath | None
    state: str


class StateRow(NamedTuple):
    """A package in the list of its state."""

    row: PackageRow
    path: SitePath
    source: SitePath
    culprits: tuple[Culprit, ...]


class LogRow(NamedTuple):
    """A current result in a list of logs."""

    run: Run
    package: SitePath | None
    log: SitePath | None


class TableRow(NamedTuple):
    """A state in the section's table."""

    share: Share
    path: SitePath | None
    meaning: str
    lists: tuple[tuple[str, SitePath, int], ...]


class ReservedRow(NamedTuple):
    """A package that a slave holds."""

    package: Package
    version: str
    path: SitePath | None
    owner: str | None
    since: datetime
    deadline: datetime


def section_pages(model: SectionModel, pages: Pages) -> Iterator[Artifact]:
    """All pages of this module; the index comes last, so that what it links to is there."""
    for state in PackageState:
        yield from _state_pages(model, pages, state)
    for name in LISTS:
        yield from _list_pages(model, pages, name)
    yield _index(model, pages)


def list_sizes(model: SectionModel) -> Mapping[str, int]:
    """How many entries each list has."""
    sizes = dict.fromkeys(LISTS, 0)
    for run in model.current:
        sizes[run.placement] += 1
    sizes["reserved"] = len(model.reservations)
    return sizes


def _index(model: SectionModel, pages: Pages) -> Artifact:
    sizes = list_sizes(model)
    table = []
    for share in shares(model.counts, keep_empty=False):
        lists = tuple((name, model.paths.listing(name), sizes[name]) for name in _LISTS_OF_STATE.get(share.state, ()))
        table.append(TableRow(share, model.paths.state(share.state), STATE_MEANINGS[share.state], lists))
    context = {
        "section": model.settings.name,
        "paths": model.paths,
        "description": describe(model.settings),
        "lists": [(name, model.paths.listing(name), sizes[name], LIST_MEANINGS[name]) for name in LISTS],
        "table": table,
        "counts": model.counts,
        "total": len(model.packages),
        "refreshed_at": model.row.refreshed_at if model.row else None,
        "latest_result": model.latest_result,
        "days": sum(1 for _, counts in model.daily if any(counts.values())),
        "charts": (model.paths.file(WIDE_NAME), model.paths.file(SMALL_NAME)),
    }
    return pages.page(model.paths.index, "section.html", context)


def _state_pages(model: SectionModel, pages: Pages, state: PackageState) -> Iterator[Artifact]:
    rows = [_state_row(model, row) for row in model.packages.values() if row.state is state]
    by_blocked = state in ERROR_STATES
    rows.sort(key=lambda entry: (-entry.row.blocked if by_blocked else 0, entry.row.name))
    parts = _parts(rows)
    for number, part in enumerate(parts, start=1):
        links = _pager(
            [model.paths.state(state, page) for page in range(1, len(parts) + 1)],
            [entries[0].row.name for entries in parts if entries], number
        )
        context = {
            "section": model.settings.name,
            "paths": model.paths,
            "state": state,
            "meaning": STATE_MEANINGS[state],
            "rows": part,
            "total": len(rows),
            "pager": links,
            "by_blocked": by_blocked,
        }
        yield pages.page(model.paths.state(state, number), "state.html", context)


def _state_row(model: SectionModel, row: PackageRow) -> StateRow:
    culprits = _culprits(model, row) if row.state in ERROR_STATES or row.state in WAITING_STATES else ()
    return StateRow(
        row, model.paths.package(row.name), model.paths.source(row.source), culprits
    )


def _culprits(model: SectionModel, row: PackageRow) -> tuple[Culprit, ...]:
    """The dependencies that are not good, as far as they are few."""
    found: dict[str, Culprit] = {}
    for dependency in model.dependencies.get(row.name, ()):
        target = followed(dependency, model.states, model.providers)
        name = target or dependency.chosen or dependency.alternatives[0].name
        state = model.states.get(name) if target else model.outside_state(name)
        if name != row.name and state not in (PackageState.SUCCESSFULLY_TESTED, OUTSIDE):
            found[name] = Culprit(name, model.paths.package(name) if target else None, state or DOES_NOT_EXIST)
    return tuple(found.values())[:_CULPRITS_MAX]


def _list_pages(model: SectionModel, pages: Pages, name: str) -> Iterator[Artifact]:
    context: dict[str, object] = {
        "section": model.settings.name,
        "paths": model.paths,
        "name": name,
        "meaning": LIST_MEANINGS[name],
    }
    if name == "reserved":
        rows = [_reserved_row(model, held) for held in model.reservations]
        yield pages.page(model.paths.listing(name), "reserved.html", {**context, "rows": rows})
        return
    entries = [_log_row(model, run) for run in model.current if run.placement is Placement(name)]
    entries.sort(key=lambda entry: entry.run.package)
    parts = _parts(entries)
    for number, part in enumerate(parts, start=1):
        links = _pager(
            [model.paths.listing(name, page) for page in range(1, len(parts) + 1)],
            [rows_[0].run.package for rows_ in parts if rows_], number
        )
        more = {"rows": part, "total": len(entries), "pager": links}
        yield pages.page(model.paths.listing(name, number), "listing.html", {**context, **more})


def _log_row(model: SectionModel, run: Run) -> LogRow:
    page = model.paths.package(run.package) if run.package in model.packages else None
    log = model.paths.log(run.placement, run.package, run.version) if run.run_id in model.published else None
    return LogRow(run, page, log)


def _reserved_row(model: SectionModel, held: Reservation) -> ReservedRow:
    page = model.paths.package(held.package) if held.package in model.packages else None
    return ReservedRow(held.package, held.version, page, held.owner, held.reserved_at, held.deadline)


def _parts(rows: Sequence[Row]) -> list[Sequence[Row]]:
    return [rows[start : start + ROWS_PER_PAGE] for start in range(0, len(rows), ROWS_PER_PAGE)] or [()]


def _pager(paths: Sequence[SitePath], firsts: Sequence[str], number: int) -> tuple[PagerLink, ...]:
    if len(paths) < 2:
        return ()
    return tuple(
        PagerLink(path, first, here == number) for here, (path, first) in enumerate(zip(paths, firsts, strict=True), 1)
    )
