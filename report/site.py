"""The whole site: each section by itself, then what is made from all of them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from piufarm.config.load import GLOBAL
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError, PiufarmError, UsageError
from piufarm.names import SectionName
from piufarm.progress import NoProgress, Progress
from piufarm.report.artifact import Artifact
from piufarm.report.charts import SMALL_NAME
from piufarm.report.description import describe
from piufarm.report.front_page import Overview, front_page
from piufarm.report.lock import report_lock
from piufarm.report.paths import SectionPaths, SitePath, site_path
from piufarm.report.publisher import Publisher, Tally
from piufarm.report.removed_sections import SECTIONS_NAME, remove_sections, render_sections
from piufarm.report.section_report import Workshop, report_section
from piufarm.report.summary import SUMMARY_NAME, merge, read_summary, render_summary
from piufarm.report.templating import STATIC, Pages, program_salt
from piufarm.store.model import Store

DEFAULT_SECTION: Final = SectionName("report")
StoreOpener = Callable[[], Store]


@dataclass(frozen=True)
class Outcome:
    """What became of a run: sections that could not be rendered, by name, with one line each."""

    tally: Tally
    seconds: float
    sections: int
    troubles: Mapping[SectionName, str]


@dataclass
class _Trouble:
    """Keeps an error of one section from the others: whatever its data does, the rest of the site is made.

    A context manager and not a handler of particular errors, because broken data may raise anything.
    """

    message: str | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        if isinstance(error, PiufarmError):
            self.message = f"{error.message} ({error.hint})" if error.hint else error.message
        else:
            last = traceback.extract_tb(trace)[-1]
            self.message = f"{type(error).__name__}: {error} (at {Path(last.filename).name}:{last.lineno})"
        return True


def configured_sections(configuration: Configuration) -> tuple[SectionName, ...]:
    """The sections that the site shows, in the order of the configuration.

    Without the key `sections` it is the one called `report`, as it has always been, or all if there is none.
    """
    if configuration.farm.sections:
        return configuration.farm.sections
    every = tuple(name for name in configuration.sections if name != GLOBAL)
    return (DEFAULT_SECTION,) if DEFAULT_SECTION in every else every


def rendered_sections(configuration: Configuration, asked: Sequence[str]) -> tuple[Section, ...]:
    """The settings of the sections to render: those asked for, else all that test anything.

    Raises UsageError for a section that is not configured.
    """
    names = configured_sections(configuration)
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise UsageError(f"no section {unknown[0]!r} in the site", hint=f"sections: {', '.join(names)}")
    chosen = [name for name in names if name in asked] if asked else names
    settings = [configuration.sections[name] for name in chosen if name in configuration.sections]
    return tuple(section for section in settings if section.max_reserved > 0 and not section.is_tarball_only)


def build_site(
    configuration: Configuration,
    open_store: StoreOpener,
    *,
    asked: Sequence[str] = (),
    output: Path | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Bring the site up to date. Raises PiufarmError if nothing at all can be done."""
    started = time.monotonic()
    farm = configuration.farm
    output = output or farm.output_directory
    now = now or datetime.now(UTC)
    chosen = rendered_sections(configuration, asked)
    with report_lock(farm.master_directory):
        workshop = Workshop(farm, output, Pages(now), program_salt(), Tally(), now, progress or NoProgress())
        troubles = _report_sections(configuration, open_store, chosen, workshop)
        try:
            _report_whole(configuration, open_store, workshop, troubles)
        except OSError as error:
            raise FarmError(
                f"cannot write the site to {output}: {error}",
                hint="check output-directory, who owns it and how full its disk is",
            ) from error
    return Outcome(workshop.tally, time.monotonic() - started, len(chosen), troubles)


def _report_sections(
    configuration: Configuration, open_store: StoreOpener, chosen: Sequence[Section], workshop: Workshop
) -> dict[SectionName, str]:
    folders = frozenset(workshop.output / name for name in configured_sections(configuration))
    troubles: dict[SectionName, str] = {}
    for settings in chosen:
        with _Trouble() as trouble:
            store = open_store()
            try:
                report_section(store, settings, workshop, folders)
            finally:
                store.close()
        if trouble.message is not None:
            troubles[settings.name] = trouble.message
    return troubles


def _report_whole(
    configuration: Configuration, open_store: StoreOpener, workshop: Workshop, troubles: Mapping[SectionName, str]
) -> None:
    """The front page, the global summary and the static files; sections that are gone leave the tree."""
    shown = rendered_sections(configuration, ())
    names = configured_sections(configuration)
    remove_sections(workshop, names)
    with Publisher(workshop.output, SitePath(""), salt=workshop.salt, tally=workshop.tally) as publisher:
        for path in sorted(STATIC.iterdir()):
            publisher.publish(Artifact(site_path(path.name), path.read_bytes(), path.read_bytes))
        overviews = [_overview(section, open_store, workshop, troubles.get(section.name)) for section in shown]
        publisher.publish(front_page(overviews, workshop.pages))
        publisher.publish(_global_summary(shown, workshop))
        publisher.publish(Artifact(site_path(SECTIONS_NAME), names, lambda: render_sections(names)))
        publisher.remove_stale()


def _overview(section: Section, open_store: StoreOpener, workshop: Workshop, trouble: str | None) -> Overview:
    paths = SectionPaths(section.name)
    chart = paths.file(SMALL_NAME)
    with _Trouble() as reading:
        store = open_store()
        try:
            row, counts = store.section(section.name), dict(store.counts(section.name))
        finally:
            store.close()
    if reading.message is not None:
        row, counts = None, {}
    return Overview(
        section.name,
        describe(section),
        counts,
        row.refreshed_at if row else None,
        paths.index if (workshop.output / paths.index).exists() else None,
        chart if (workshop.output / chart).exists() else None,
        trouble or reading.message,
    )


def _global_summary(shown: Sequence[Section], workshop: Workshop) -> Artifact:
    """The merge of the sections' files: a section that failed, or was not asked for, keeps its last word."""
    by_importance = sorted(shown, key=lambda section: section.precedence)
    verdicts = merge(
        read_summary(workshop.output / SectionPaths(section.name).file(SUMMARY_NAME)) for section in by_importance
    )
    text = render_summary(verdicts, workshop.farm, workshop.now)
    return Artifact(site_path(SUMMARY_NAME), text, lambda: text)
