"""Taking over what the archive has now, section by section; a section whose archive is in doubt stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Final

from piufarm.archive.cache import IndexCache
from piufarm.archive.suite import section_indexes
from piufarm.config.distros import Distros
from piufarm.config.model import Section
from piufarm.errors import FarmError
from piufarm.master.layout import SectionFiles
from piufarm.master.refresh.archive_view import ArchiveContents, ArchiveView
from piufarm.master.refresh.fresh_snapshot import evaluate_fresh
from piufarm.master.refresh.retirement import Retirement
from piufarm.master.session.machine import Clock, utc_now
from piufarm.master.upkeep.fsck import Check
from piufarm.names import SectionName
from piufarm.store.model import IndexPackage, SectionRow, Store

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

    def refresh(
        self,
        section: Section,
        files: SectionFiles,
        *,
        looks_into: Sequence[SectionName] = (),
        is_looked_into: bool = False,
    ) -> Refreshed:
        """Fetch, verify, compare, compute the states, swap in, retire.

        `looks_into`: the sections in which it looks names up that it does not have; `is_looked_into`: whether others do
        so here. Raises ArchiveError, ImplausibleArchive, StoreError.
        """
        began_at = self.clock()
        view = self._view(section, whole=is_looked_into)
        row = self.store.section(section.name)
        if row is not None and row.generation > 0 and row.index_digest == view.digest:
            refreshed = Refreshed(unchanged=True, packages=sum(self.store.counts(section.name).values()))
            self.store.look_into(section.name, looks_into)
            self.store.note_refresh(section.name, now=began_at)
        else:
            contents = view.read()
            if row is not None:
                self._check_size(section, row, contents.size)
            self.store.look_into(section.name, looks_into)
            refreshed = self._swap_in(section, view.digest, contents, began_at)
        check = Check(self.store, section.name, files)
        for difference in chain(check.moved(), check.unfinished(), check.marked_by_hand()):
            self.tell(f"{difference.text}: {difference.remedy}" if difference.remedy else difference.text)
            if difference.mend is not None:
                difference.mend()
        retirement = Retirement(self.store, section.name, files, self.tell, view.published_at)
        return replace(refreshed, retired=retirement.retire(began_at))

    def _view(self, section: Section, *, whole: bool) -> ArchiveView:
        distro = section.selection_distro
        if distro is None or section.is_tarball_only:
            raise FarmError(
                f"section {section.name} tests nothing", hint="give it `distro` or `upgrade-test-distros`"
            )
        self.tell(f"reading {distro}")
        selection = section_indexes(section, self.distros, distro, self.cache)
        last = None
        if section.upgrade_test_distros and section.upgrade_test_distros[-1] != distro:
            self.tell(f"reading {section.upgrade_test_distros[-1]}")
            last = section_indexes(section, self.distros, section.upgrade_test_distros[-1], self.cache)
        return ArchiveView(section, selection, last, whole)

    def _check_size(self, section: Section, row: SectionRow, size: int) -> None:
        lost = row.index_size - size
        plausible = size > 0 and lost <= max(HANDFUL, row.index_size * section.max_shrink)
        if lost > 0 and not plausible and section.max_shrink < 1 and not self.accept_shrink:
            raise ImplausibleArchive(
                f"the archive of {section.name} has only {size} packages, {row.index_size} before:"
                f" it lost more than max-shrink = {section.max_shrink:g} allows",
                hint="if that is right, run `piufarm master refresh --accept-shrink` once; the old data stays in use",
            )

    def _swap_in(self, section: Section, digest: str, contents: ArchiveContents, now: datetime) -> Refreshed:
        for sentence in contents.complaints:
            self.tell(sentence)
        self.tell(f"taking over {contents.size} packages of the archive")
        before = self.store.versions(section.name)
        known = self.store.circumstances(section.name)
        self.store.replace_packages(
            section.name,
            contents.packages,
            index_digest=digest,
            index_size=contents.size,
            now=now,
            states=evaluate_fresh(contents.packages, known),
            evaluated=known,
        )
        return _difference(before, contents.packages)


def _difference(before: Mapping[str, str], packages: Sequence[IndexPackage]) -> Refreshed:
    after: Mapping[str, str] = {package.name: package.test_version for package in packages if package.listed}
    return Refreshed(
        unchanged=False,
        packages=len(after),
        new=len(after.keys() - before.keys()),
        updated=sum(1 for name, version in after.items() if before.get(name, version) != version),
        gone=len(before.keys() - after.keys()),
    )
