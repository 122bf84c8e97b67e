"""The front page: every section at a glance, and their totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from piufarm.names import SectionName
from piufarm.report.artifact import Artifact
from piufarm.report.paths import SitePath, site_path
from piufarm.report.shares import Share, shares
from piufarm.report.templating import Pages
from piufarm.states import PackageState


@dataclass(frozen=True)
class Overview:
    """A section as the front page shows it; without pages yet, or with `trouble` when its report failed."""

    name: SectionName
    description: str
    counts: Mapping[PackageState, int]
    refreshed_at: datetime | None
    index: SitePath | None
    chart: SitePath | None
    trouble: str | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def shares(self) -> tuple[Share, ...]:
        return shares(self.counts, keep_empty=False)


def front_page(overviews: Sequence[Overview], pages: Pages) -> Artifact:
    """The site's index.html."""
    totals = {state: sum(overview.counts.get(state, 0) for overview in overviews) for state in PackageState}
    context = {"overviews": overviews, "totals": totals, "shares": shares(totals, keep_empty=False)}
    return pages.page(site_path("index.html"), "front.html", context)
