"""A section's charts as files: a wide one, and a small one for phones and for the front page."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from piufarm.report.artifact import Artifact
from piufarm.report.chart import SMALL, WIDE, states_chart
from piufarm.report.section_model import SectionModel

WIDE_NAME: Final = "states.svg"
SMALL_NAME: Final = "states-small.svg"


def charts(model: SectionModel) -> Iterator[Artifact]:
    """The charts of one section; none before a package was counted."""
    if not any(any(counts.values()) for _, counts in model.daily):
        return
    title = f"Packages of {model.settings.name} by state and day"
    daily = [(day, dict(counts)) for day, counts in model.daily]
    for name, shape in ((WIDE_NAME, WIDE), (SMALL_NAME, SMALL)):
        yield Artifact(model.paths.file(name), (title, shape, daily), partial(states_chart, daily, title, shape))
