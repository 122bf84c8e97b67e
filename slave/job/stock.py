"""What the distros of a section hold, and whether that has changed while tests ran."""

from __future__ import annotations

from collections.abc import Sequence

from piufarm.archive.cache import IndexCache
from piufarm.archive.suite import SuiteIndexes, section_indexes
from piufarm.config.distros import Distros
from piufarm.config.model import Section
from piufarm.names import Package, Version
from piufarm.slave.job.prechecks import Examination, Offer, examine_install, examine_upgrade


class Stock:
    """The verified indexes of a section's distros; all its methods raise ArchiveError."""

    def __init__(self, section: Section, distros: Distros, cache: IndexCache) -> None:
        self._section = section
        self._distros = distros
        self._cache = cache
        self._indexes = self._fetch()
        self._offers = _opened(self._indexes)

    def examine(self, package: Package, version: Version) -> Examination:
        """Whether a version can be tested, as far as is known."""
        if self._section.is_upgrade_test:
            return examine_upgrade(package, version, self._offers)
        return examine_install(package, version, self._offers[0])

    def look_again(self) -> None:
        """Take notice of what has changed in the archive; indexes are only read anew if they have."""
        indexes = self._fetch()
        if [found.digest for _, found in indexes] != [found.digest for _, found in self._indexes]:
            self._offers = _opened(indexes)
            self._indexes = indexes

    def _fetch(self) -> list[tuple[str, SuiteIndexes]]:
        section = self._section
        names = section.upgrade_test_distros if section.is_upgrade_test else (section.selection_distro or "",)
        return [(name, section_indexes(section, self._distros, name, self._cache)) for name in names]


def _opened(indexes: Sequence[tuple[str, SuiteIndexes]]) -> list[Offer]:
    return [Offer(name, found.packages()) for name, found in indexes]
