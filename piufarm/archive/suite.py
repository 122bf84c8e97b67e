"""The packages that a distro offers to a section: union of its candidates, the highest version of each name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.archive.cache import IndexCache
from piufarm.archive.index import PackageRecord, PackagesFile
from piufarm.archive.mirror import default_mirror
from piufarm.archive.release import fetch_release
from piufarm.archive.trust import section_trust
from piufarm.archive.versions import is_newer
from piufarm.config.distros import Distros
from piufarm.config.model import Section
from piufarm.names import InvalidName, Package, Version

_SKIPPED_MAX: Final = 50


class _Place(NamedTuple):
    """Where the winning paragraph of a name is."""

    file: int
    offset: int
    version: Version


class SuiteIndexes(NamedTuple):
    """Verified Packages files, in the order of precedence among equal versions, not read yet."""

    files: tuple[Path, ...]
    digest: str  # identifies the set of indexes: equal digests mean equal packages
    date: datetime | None = None  # when the newest of them was published, to the second

    def packages(self) -> SuitePackages:
        """To look single packages up. Raises MalformedFile."""
        return SuitePackages(self.files, digest=self.digest)

    def records(self) -> Iterator[PackageRecord | InvalidName]:
        """To take everything over, in one pass: a name comes again when a higher version of it is found.

        InvalidName stands in place of a paragraph with an illegal name or version. Raises MalformedFile.
        """
        highest: dict[str, Version] = {}
        for path in self.files:
            for _, record in PackagesFile(path).records():
                if not isinstance(record, InvalidName):
                    present = highest.setdefault(record.name, record.version)
                    if present is not record.version:
                        if not is_newer(record.version, present):
                            continue
                        highest[record.name] = record.version
                yield record


class SuitePackages:
    """A snapshot of verified indexes; records are read from disk as they are asked for.

    Names of illegal form never get in; `skipped` has a sentence for each (the first 50 of them).
    """

    def __init__(self, files: Sequence[Path], *, digest: str) -> None:
        """Open Packages files in the order of precedence among equal versions. Raises MalformedFile."""
        self.digest = digest  # identifies the set of indexes: equal digests mean equal packages
        self._files = tuple(PackagesFile(path) for path in files)
        self._places: dict[str, _Place] = {}
        skipped: list[str] = []
        for number, file in enumerate(self._files):
            for position in file.positions():
                if isinstance(position, InvalidName):
                    skipped.append(str(position))
                else:
                    self._consider(position.name, _Place(number, position.offset, position.version))
        self.skipped = tuple(skipped[:_SKIPPED_MAX])

    def _consider(self, name: Package, place: _Place) -> None:
        present = self._places.get(name)
        if present is None or is_newer(place.version, present.version):
            self._places[name] = place

    def __len__(self) -> int:
        """The number of different package names."""
        return len(self._places)

    def __iter__(self) -> Iterator[PackageRecord]:
        """One record per name, in the order of the indexes; needs little memory."""
        for number, file in enumerate(self._files):
            for offset, record in file.records():
                if isinstance(record, InvalidName):
                    continue  # in `skipped`
                place = self._places[record.name]
                if (place.file, place.offset) == (number, offset):
                    yield record

    def version(self, name: Package) -> Version | None:
        """The version on offer, None if there is no such package."""
        place = self._places.get(name)
        return None if place is None else place.version

    def records(self, names: Iterable[Package]) -> Mapping[Package, PackageRecord]:
        """The records of those of `names` that exist."""
        found = ((name, self._places[name]) for name in names if name in self._places)
        return {name: self._files[place.file].record_at(place.offset) for name, place in found}

    def paragraph(self, name: Package) -> str | None:
        """The full control paragraph as the archive writes it, ending in one newline; None if there is none."""
        place = self._places.get(name)
        return None if place is None else self._files[place.file].text_at(place.offset)


def section_packages(section: Section, distros: Distros, distro_name: str, cache: IndexCache) -> SuitePackages:
    """What `distro_name` offers to a section, to look packages up. Raises ArchiveError."""
    return section_indexes(section, distros, distro_name, cache).packages()


def section_indexes(section: Section, distros: Distros, distro_name: str, cache: IndexCache) -> SuiteIndexes:
    """Fetch (if changed) and verify what `distro_name` offers in the section's area and architecture.

    Raises ArchiveError.
    """
    name = f"{section.area}/binary-{section.arch}/Packages"
    trust = section_trust(section)
    files = []
    dates = []
    digest = hashlib.sha256()
    for distro in distros.candidates(distro_name):
        uri = distro.uri or section.mirror or default_mirror().uri
        release = fetch_release(uri, distro.distribution, trust=trust, fetcher=cache.fetcher)
        file = cache.index(release, name)
        files.append(file)
        if release.date is not None:
            dates.append(release.date)
        digest.update(f"{release.uri} {release.distribution} {file.name}\n".encode())
    return SuiteIndexes(tuple(files), digest.hexdigest(), max(dates, default=None))
