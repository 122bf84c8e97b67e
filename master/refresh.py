"""Taking over what the archive has now, section by section; a section whose archive is in doubt stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from datetime import datetime
from typing import Final

from piufarm.archive.cache import IndexCache
from piufarm.archive.suite import section_indexes
from piufarm.archive.versions import is_newer
from piufarm.config.distros import Distros
from piufarm.config.model import Section
from piufarm.errors import FarmError
from piufarm.master import classic
from piufarm.master.archive_view import ArchiveContents, ArchiveView
from piufarm.master.fsck import Check
from piufarm.master.layout import SectionFiles
from piufarm.master.machine import Clock, utc_now
from piufarm.names import Package, Version
from piufarm.store.model import Run, SectionRow, Store

# So many packages may always go, if any are left: small archives, such as those of a team, lose large shares of theirs.
HANDFUL: Final = 5


class ImplausibleArchive(FarmError):
    """The archive has lost more packages than it plausibly can; what the section knows stays in use."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh has changed in a section."""

    unchanged: bool
    packages: int  # that the section tests
    new: int = 0
    updated: int = 0  # with another version to test
    gone: int = 0
    retired: int = 0  # results that no longer apply


@dataclass(frozen=True)
class Refresher:
    """What refreshing a section takes; `tell` gets lines about the progress."""

    store: Store
    distros: Distros
    cache: IndexCache
    tell: Callable[[str], None]
    accept_shrink: bool = False
    clock: Clock = utc_now

    def refresh(self, section: Section, files: SectionFiles) -> Refreshed:
        """Fetch, verify, compare, swap in, retire. Raises ArchiveError, ImplausibleArchive, StoreError."""
        began_at = self.clock()
        view = self._view(section)
        row = self.store.section(section.name)
        if row is not None and row.generation > 0 and row.index_digest == view.digest:
            refreshed = Refreshed(unchanged=True, packages=self._count(section))
            self.store.note_refresh(section.name, now=began_at)
        else:
            contents = view.read()
            if row is not None:
                self._check_size(section, row, contents.size)
            refreshed = self._swap_in(section, view.digest, contents, began_at)
        check = Check(self.store, section.name, files)
        for difference in chain(check.moved(), check.unfinished()):
            self.tell(f"{difference.text}: {difference.remedy}")
            if difference.mend is not None:
                difference.mend()
        retired = self._retire(section, files, began_at)
        return Refreshed(**{**vars(refreshed), "retired": retired})

    def _view(self, section: Section) -> ArchiveView:
        distro = section.selection_distro
        if distro is None:
            raise FarmError(
                f"section {section.name} tests nothing", hint="give it `distro` or `upgrade-test-distros`"
            )
        self.tell(f"reading {distro}")
        selection = section_indexes(section, self.distros, distro, self.cache)
        last = None
        if section.upgrade_test_distros and section.upgrade_test_distros[-1] != distro:
            self.tell(f"reading {section.upgrade_test_distros[-1]}")
            last = section_indexes(section, self.distros, section.upgrade_test_distros[-1], self.cache)
        if section.depends_sections:
            self.tell("depends-sections is not followed: dependencies are looked up in this section alone")
        return ArchiveView(section, selection, last)

    def _check_size(self, section: Section, row: SectionRow, size: int) -> None:
        lost = row.index_size - size
        plausible = size > 0 and lost <= max(HANDFUL, row.index_size * section.max_shrink)
        if lost > 0 and not plausible and section.max_shrink < 1 and not self.accept_shrink:
            raise ImplausibleArchive(
                f"the archive of {section.name} has only {size} packages, {row.index_size} before:"
                f" it lost more than max-shrink = {section.max_shrink:g} allows",
                hint="if that is right, run `piufarm master refresh --accept-shrink` once; the old data stays in use",
            )

    def _count(self, section: Section) -> int:
        return sum(self.store.counts(section.name).values())

    def _versions(self, section: Section) -> dict[Package, Version]:
        return {package.name: package.test_version for package in self.store.packages(section.name)}

    def _swap_in(self, section: Section, digest: str, contents: ArchiveContents, now: datetime) -> Refreshed:
        before = self._versions(section)
        for sentence in contents.complaints:
            self.tell(sentence)
        self.tell(f"taking over {contents.size} packages of the archive")
        self.store.replace_packages(
            section.name, contents.packages, index_digest=digest, index_size=contents.size, now=now
        )
        after = self._versions(section)
        return Refreshed(
            unchanged=False,
            packages=len(after),
            new=len(after.keys() - before.keys()),
            updated=sum(1 for name, version in after.items() if before.get(name, version) != version),
            gone=len(before.keys() - after.keys()),
        )

    def _retire(self, section: Section, files: SectionFiles, began_at: datetime) -> int:
        """Results of packages that left or changed version become history, unless the archive is older than they."""
        stale = [
            run
            for run in self.store.runs_out_of_place(section.name)
            if run.received_at < began_at and not self._is_newer_than_the_archive(run)
        ]
        if stale:
            self.store.retire(section.name, [run.run_id for run in stale])
        for run in stale:
            try:
                classic.retire(run, files)
            except OSError as error:
                self.tell(f"{error.filename}: {error.strerror} (`piufarm master fsck --repair` catches up)")
        return len(stale)

    def _is_newer_than_the_archive(self, run: Run) -> bool:
        row = self.store.package(run.section, run.package)
        if row is None or run.version.is_disappearance or row.test_version.is_disappearance:
            return False
        return is_newer(run.version, row.test_version)
