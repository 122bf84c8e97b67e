"""A master whose section follows an archive on loopback."""

from __future__ import annotations

from pathlib import Path

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.names import Package, SectionName
from piufarm.run import Completed
from piufarm.states import PackageState
from piufarm.store.model import PackageRow
from tests.master.office import SID, Office, open_office


class MirroredOffice:
    """A master whose section follows an archive on loopback."""

    def __init__(self, directory: Path, archive: SignedArchive, server: ArchiveServer) -> None:
        self.directory, self.archive, self.server = directory, archive, server
        self.office = self.reopen()

    def reopen(self, settings: str = "") -> Office:
        """Write the configuration anew."""
        self.office = open_office(
            self.directory, f"mirror = {self.server.url}\narchive-keyring = {self.archive.keyring}\n{settings}"
        )
        return self.office

    def write_sections(self, text: str) -> None:
        """Give the configuration these sections; all follow the archive."""
        mirror = f"mirror = {self.server.url}\narchive-keyring = {self.archive.keyring}"
        head = self.office.config.read_text().partition("\n[")[0].partition(mirror)[0].rstrip()
        self.office.config.write_text(f"{head}\n{mirror}\n{text}")

    def publish(self, *packages: DebSpec, suite: str = "sid") -> None:
        self.archive.publish(suite, packages)

    def refresh(self, *words: str) -> Completed:
        return self.office.command("refresh", *words)

    def versions(self, section: SectionName = SID) -> dict[str, str]:
        return {row.name: row.test_version for row in self.office.store.packages(section)}

    def row(self, name: str, section: SectionName = SID) -> PackageRow:
        row = self.office.store.package(section, Package(name))
        assert row is not None
        return row

    def state(self, name: str, section: SectionName = SID) -> PackageState:
        return self.row(name, section).state
