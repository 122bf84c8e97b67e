"""What an archive offers, as the packages of one section: globs, test versions, and what they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from piufarm.archive.index import PackageRecord
from piufarm.archive.suite import SuiteIndexes
from piufarm.config.model import Section
from piufarm.master.refresh.relations import BadRelation, FieldReader
from piufarm.names import InvalidName, Package, Version
from piufarm.store.model import IndexPackage

_DISAPPEARED: Final = Version("None")
_FORM: Final = 2  # of what is derived from the indexes: a change makes every section be read again
_COMPLAINTS_MAX: Final = 50  # about paragraphs without a legal name


@dataclass
class ArchiveContents:
    """What reading the archive has found. `complaints` are sentences about packages that cannot be understood."""

    packages: list[IndexPackage] = field(default_factory=list)  # of the section, then those outside it, by name
    size: int = 0  # packages in the indexes, whether the section tests them or not
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ArchiveView:
    """A section's packages, as they stand in verified indexes that nobody has read yet.

    `last` is the last suite of an upgrade whose packages come from an earlier one: its versions are the ones tested.
    Of what lies outside the section's globs only that is kept which packages inside depend on, unless `whole`: then
    other sections look names up here.
    """

    section: Section
    selection: SuiteIndexes
    last: SuiteIndexes | None
    whole: bool = False

    @property
    def digest(self) -> str:
        """Identifies the contents: equal digests, equal packages."""
        parts = (
            str(_FORM), self.selection.digest, self.last.digest if self.last else "",
            "whole" if self.whole and self.section.packages else "", self.section.arch, *self.section.packages,
        )  # fmt: skip
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def published_at(self) -> datetime | None:
        """When the newest of the indexes was made, if they say so."""
        dates = [indexes.date for indexes in (self.selection, self.last) if indexes is not None]
        return max((date for date in dates if date is not None), default=None)

    def read(self) -> ArchiveContents:
        """Read everything. Raises MalformedFile."""
        return _Reading(self).read()


class _Reading:
    """One pass over the indexes; records outside the globs wait until it is known who depends on them."""

    def __init__(self, view: ArchiveView) -> None:
        self.view = view
        self.globs = view.section.packages
        self.fields = FieldReader(view.section.arch)
        self.contents = ArchiveContents()
        self.tested = self._versions(view.last) if view.last is not None else None

    def read(self) -> ArchiveContents:
        listed: dict[str, IndexPackage | None] = {}  # None: cannot be understood
        outside: dict[str, PackageRecord] = {}
        for record in self.view.selection.records():
            if isinstance(record, InvalidName):
                self._complain(record)
            elif self.globs and not any(fnmatchcase(record.name, glob) for glob in self.globs):
                outside[record.name] = record
            else:
                listed[record.name] = self._package(record)
        self.contents.size = len(listed) + len(outside)
        packages = {name: package for name, package in listed.items() if package is not None}
        packages.update(self._outside(outside if self.view.whole else self._mentioned(packages, outside)))
        self.contents.packages = [packages[name] for name in sorted(packages)]
        return self.contents

    def _versions(self, indexes: SuiteIndexes) -> Mapping[str, Version]:
        found: dict[str, Version] = {}
        for record in indexes.records():
            if isinstance(record, InvalidName):
                self._complain(record)
            else:
                found[record.name] = record.version
        return found

    def _complain(self, problem: InvalidName) -> None:
        if len(self.contents.complaints) < _COMPLAINTS_MAX:
            self.contents.complaints.append(str(problem))

    def _mentioned(
        self, packages: Mapping[str, IndexPackage], outside: Mapping[str, PackageRecord]
    ) -> Mapping[str, PackageRecord]:
        """Those outside the globs that packages inside depend on, by their own names or by what they provide."""
        if not outside:
            return {}
        names = {
            relation.name
            for package in packages.values()
            for clause in package.depends
            for relation in clause.alternatives
        }
        return {
            name: record
            for name, record in outside.items()
            if name in names or (record.provides and not names.isdisjoint(self._provided_names(record)))
        }

    def _outside(self, records: Mapping[str, PackageRecord]) -> dict[str, IndexPackage]:
        found = {name: self._package(record, listed=False) for name, record in records.items()}
        return {name: package for name, package in found.items() if package is not None}

    def _provided_names(self, record: PackageRecord) -> list[Package]:
        try:
            return [provided.name for provided in self.fields.provides(record.provides)]
        except BadRelation:
            return []  # told if something depends on it

    def _package(self, record: PackageRecord, *, listed: bool = True) -> IndexPackage | None:
        try:
            depends = self.fields.dependencies(record.depends) if listed else ()
            if listed and record.pre_depends:
                depends += self.fields.dependencies(record.pre_depends, pre=True)
            provides = self.fields.provides(record.provides)
        except BadRelation as error:
            self.contents.complaints.append(f"{record.name} {record.version} is left out: {error}")
            return None
        return IndexPackage(
            record.name,
            record.version,
            record.version if self.tested is None else self.tested.get(record.name, _DISAPPEARED),
            record.source,
            record.source_version,
            record.maintainer,
            depends,
            provides,
            listed,
        )
