"""What an archive offers, as the packages of one section: globs, test versions, and what they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from piufarm.archive.index import PackageRecord
from piufarm.archive.suite import SuitePackages
from piufarm.config.model import Section
from piufarm.master.relations import BadRelation, parse_dependencies, parse_provides
from piufarm.names import Package, Version
from piufarm.store.model import IndexPackage

_DISAPPEARED = Version("None")
_FORM = 1  # of what is derived from the indexes: a change makes every section be read again


@dataclass
class ArchiveView:
    """A section's packages, read from the archive as they are asked for.

    `last` is the last suite of an upgrade whose packages come from an earlier one: its versions are the ones tested.
    """

    section: Section
    selection: SuitePackages
    last: SuitePackages | None
    left_out: list[str] = field(default_factory=list)  # packages that cannot be understood, one sentence each

    @property
    def digest(self) -> str:
        """Identifies the result: equal digests, equal packages."""
        parts = (
            str(_FORM), self.selection.digest, self.last.digest if self.last else "",
            self.section.arch, *self.section.packages,
        )  # fmt: skip
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def __iter__(self) -> Iterator[IndexPackage]:
        """The listed packages in the order of the indexes, then those outside the globs that they lead to."""
        if not self.section.packages:
            yield from filter(None, map(self._package, self.selection))
            return
        providers: dict[Package, list[Package]] = {}
        mentioned: dict[Package, None] = {}
        listed = set()
        for record in self.selection:
            if record.provides:
                self._note_provided(record, providers)
            if self._is_listed(record.name) and (package := self._package(record)) is not None:
                listed.add(package.name)
                mentioned.update(dict.fromkeys(name for clause in package.depends for name in clause.alternatives))
                yield package
        yield from self._outside(mentioned, providers, listed)

    def _is_listed(self, name: Package) -> bool:
        return any(fnmatchcase(name, glob) for glob in self.section.packages)

    def _note_provided(self, record: PackageRecord, providers: dict[Package, list[Package]]) -> None:
        try:
            for virtual in parse_provides(record.provides, arch=self.section.arch):
                providers.setdefault(virtual, []).append(record.name)
        except BadRelation:
            return  # told when it is listed

    def _outside(
        self, mentioned: Mapping[Package, None], providers: Mapping[Package, Sequence[Package]], listed: set[Package]
    ) -> Iterator[IndexPackage]:
        wanted = dict.fromkeys(mentioned)
        for name in mentioned:
            wanted.update(dict.fromkeys(providers.get(name, ())))
        outside = [name for name in wanted if name not in listed and self.selection.version(name) is not None]
        for record in self.selection.records(outside).values():
            package = self._package(record, listed=False)
            if package is not None:
                yield package

    def _package(self, record: PackageRecord, *, listed: bool = True) -> IndexPackage | None:
        arch = self.section.arch
        try:
            depends = parse_dependencies(record.depends, arch=arch) + parse_dependencies(
                record.pre_depends, arch=arch, pre=True
            )
            provides = parse_provides(record.provides, arch=arch)
        except BadRelation as error:
            self.left_out.append(f"{record.name} {record.version} is left out: {error}")
            return None
        return IndexPackage(
            name=record.name,
            version=record.version,
            test_version=self._test_version(record),
            source=record.source,
            source_version=record.source_version,
            maintainer=record.maintainer,
            depends=depends if listed else (),
            provides=provides,
            listed=listed,
        )

    def _test_version(self, record: PackageRecord) -> Version:
        if self.last is None:
            return record.version
        return self.last.version(record.name) or _DISAPPEARED
