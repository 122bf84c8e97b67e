"""A page per source package, listing its binary packages; summary.json and other services link here."""

from __future__ import annotations

from collections.abc import Iterator

from piufarm.report.artifact import Artifact
from piufarm.report.package_pages import RunRow, run_log
from piufarm.report.section_model import SectionModel
from piufarm.report.templating import Pages


def source_pages(model: SectionModel, pages: Pages) -> Iterator[Artifact]:
    """The pages of all sources that have a binary package in the section."""
    for source, binaries in model.sources.items():
        rows = []
        for binary in binaries:
            run = model.current_run(binary.name)
            log = run_log(model, run) if run is not None and run.run_id in model.published else None
            rows.append((binary, model.paths.package(binary.name), RunRow(run, log) if run is not None else None))
        context = {
            "section": model.settings.name,
            "paths": model.paths,
            "source": source,
            "versions": sorted({binary.source_version for binary in binaries}),
            "maintainers": sorted({binary.maintainer for binary in binaries if binary.maintainer}),
            "rows": rows,
        }
        yield pages.page(model.paths.source(source), "source.html", context)
