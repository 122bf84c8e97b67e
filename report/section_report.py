"""One section of the site, from the store to the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from piufarm.config.model import Global, Section
from piufarm.counts_file import render_counts
from piufarm.names import InvalidName
from piufarm.progress import Progress, Ticker
from piufarm.report.artifact import Artifact
from piufarm.report.charts import charts
from piufarm.report.json_sections import json_sections
from piufarm.report.package_pages import package_pages, run_log
from piufarm.report.paths import OWNED_DIRECTORIES, site_path
from piufarm.report.publisher import Publisher, Tally
from piufarm.report.section_model import SectionModel, load_section
from piufarm.report.section_pages import section_pages
from piufarm.report.source_pages import source_pages
from piufarm.report.summary import SUMMARY_NAME, render_summary, section_verdicts
from piufarm.report.templating import Pages
from piufarm.store.model import Run, Standing, Store


@dataclass(frozen=True)
class Workshop:
    """What all sections of one run of the report share."""

    farm: Global
    output: Path
    pages: Pages
    salt: str
    tally: Tally
    now: datetime
    progress: Progress


def report_section(store: Store, settings: Section, workshop: Workshop, foreign: frozenset[Path]) -> None:
    """Publish one section. Raises StoreError, OSError, and whatever broken data in the store may bring about."""
    model = load_section(store, settings, workshop.now.date())
    logs = [run for runs in model.history.values() for run in runs if _is_shown(model, run)]
    tick = workshop.progress.section(settings.name, len(logs) + len(model.packages) + len(model.sources))
    directory = workshop.farm.master_directory / settings.name
    with Publisher(
        workshop.output, site_path(settings.name), salt=workshop.salt, tally=workshop.tally
    ) as publisher:
        for run in logs:
            _publish_log(publisher, model, directory, run)
            tick()
        for artifact in _artifacts(model, workshop, tick):
            publisher.publish(artifact)
        publisher.remove_stale(OWNED_DIRECTORIES, foreign)


def _is_shown(model: SectionModel, run: Run) -> bool:
    """Whether a page leads to this run: its package's, or the list of current results."""
    return run.package in model.packages or run.standing is Standing.CURRENT


def _publish_log(publisher: Publisher, model: SectionModel, directory: Path, run: Run) -> None:
    """Show a run's log in the tree, if its file is there."""
    source = directory / run.log
    if ".." in source.parts:
        raise InvalidName(f"the store has a log outside its section: {run.log[:80]!r}")
    if publisher.publish_log(source, run_log(model, run)):
        model.published.add(run.run_id)


def _artifacts(model: SectionModel, workshop: Workshop, tick: Ticker) -> Iterator[Artifact]:
    for artifact in chain(package_pages(model, workshop.pages, workshop.output), source_pages(model, workshop.pages)):
        yield artifact
        tick()
    yield from charts(model)
    yield Artifact(model.paths.file("counts.txt"), model.daily, lambda: render_counts(model.daily))
    yield from section_pages(model, workshop.pages)
    suites = json_sections(model.settings, workshop.now.date())
    if suites:
        text = render_summary(section_verdicts(model, suites, workshop.farm), workshop.farm, workshop.now)
        yield Artifact(model.paths.file(SUMMARY_NAME), text, lambda: text)
