"""The packages that a distro offers to a section: union of its candidates, the highest version of each name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from piufarm.archive.cache import IndexCache
from piufarm.archive.index import PackageRecord
from piufarm.config.distros import Distros
from piufarm.config.model import Section
from piufarm.names import Package, Version


class SuitePackages:
    """A snapshot of verified indexes; records are read from disk as they are asked for."""

    digest: str  # identifies the set of indexes: equal digests mean equal packages
    skipped: tuple[str, ...]  # paragraphs left out because of an illegal name or version, one sentence each

    def __len__(self) -> int:
        """The number of different package names."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[PackageRecord]:
        """One record per name, in the order of the indexes; needs little memory."""
        raise NotImplementedError

    def version(self, name: Package) -> Version | None:
        """The version on offer, None if there is no such package."""
        raise NotImplementedError(name)

    def records(self, names: Iterable[Package]) -> Mapping[Package, PackageRecord]:
        """The records of those of `names` that exist."""
        raise NotImplementedError(names)

    def paragraph(self, name: Package) -> str | None:
        """The full control paragraph as the archive writes it, ending in one newline; None if there is none."""
        raise NotImplementedError(name)


def section_packages(section: Section, distros: Distros, distro_name: str, cache: IndexCache) -> SuitePackages:
    """Fetch (if changed), verify and open what `distro_name` offers in the section's area and architecture.

    Raises ArchiveError.
    """
    raise NotImplementedError(section, distros, distro_name, cache)
