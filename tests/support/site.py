"""One farm on one machine: an archive, an SSH server, a piuparts.conf that our programs and the predecessor's read."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.files import atomic_write
from tests.support.bases import BaseTarball
from tests.support.ssh import SshDoor

SECTION: Final = "small"
SLAVE: Final = "worker"
OUTCOMES: Final = ("pass", "fail", "untestable")


@dataclass(frozen=True)
class FarmSite:
    """Where everything of a test's farm lies. The section `small` tests the suite of that name."""

    directory: Path
    archive: SignedArchive
    mirror: ArchiveServer
    door: SshDoor
    base: BaseTarball

    @property
    def etc(self) -> Path:
        """What stands for /etc/piuparts."""
        return self.directory / "etc"

    @property
    def configuration(self) -> Path:
        return self.etc / "piuparts.conf"

    @property
    def master_directory(self) -> Path:
        return self.directory / "master"

    @property
    def slave_directory(self) -> Path:
        return self.directory / "slave"

    @property
    def tmpdir(self) -> Path:
        """Where testers make their chroots."""
        return self.directory / "tmp"

    @property
    def kept(self) -> Path:
        """Copies of the slave's finished logs, as they were when it called the master."""
        return self.directory / "kept"

    def publish(self, packages: Iterable[DebSpec]) -> None:
        """Let the suite hold exactly these packages."""
        self.archive.publish(SECTION, packages)

    def configure(self, farm: Mapping[str, str] | None = None, section: Mapping[str, str] | None = None) -> None:
        """Write piuparts.conf; the arguments add to, or replace, keys of [global] and of the section."""
        native = self.archive.architectures[0]
        general = {
            "sections": SECTION,
            "master-host": "farm-master",
            "master-user": self.door.server.user,
            "master-directory": str(self.master_directory),
            "slave-directory": str(self.slave_directory),
            "output-directory": str(self.directory / "html"),
            "basetgz-directory": str(self.base.path.parent),
            "chroot-tgz": self.base.path.name,
            "mirror": self.mirror.url,
            "archive-keyring": str(self.archive.keyring),
            "tmpdir": str(self.tmpdir),
            "testing-suite": SECTION,
            "max-tgz-age": "-1",
            "max-reserved": "20",
            "idle-sleep": "5",
            **(farm or {}),
        }
        special = {"distro": SECTION, "area": "main", "arch": native, "precedence": "1", **(section or {})}
        lines = ["[global]", *_settings(general), "", f"[{SECTION}]", *_settings(special), ""]
        atomic_write(self.configuration, "\n".join(lines), durable=False)
        atomic_write(self.etc / "distros.conf", "# no distros of our own\n", durable=False)

    def admit(self, session: Sequence[str | Path], slave: str = SLAVE) -> None:
        """Let a slave in for this command; before the master speaks, the slaves' finished logs are put aside."""
        script = self.door.directory / f"session-{slave}"
        command = shlex.join(map(str, session))
        atomic_write(script, _SESSION.format(slave=self.slave_directory, kept=self.kept, command=command), mode=0o777)
        self.door.admit(slave, str(script))

    def results(self) -> dict[str, str]:
        """What the master has: `<outcome>/<package>_<version>.log` and the sha256 of each, also of archived ones."""
        section = self.master_directory / SECTION
        return {**_digests(section / "archive"), **_digests(section)}

    def sent(self) -> dict[str, str]:
        """What the slave had: the same of its own copies."""
        return _digests(self.kept)

    def spooled(self, state: str) -> list[str]:
        """Names of the slave's logs and markers in that state (new, reserved, pass, fail, untestable)."""
        return sorted(path.name for path in self.slave_directory.glob(f"**/{SECTION}/{state}/*.log"))

    def log(self, outcome: str, name: str) -> str:
        """The text of a log that the master has."""
        return (self.master_directory / SECTION / outcome / f"{name}.log").read_text()

    def trusting_scripts(self) -> Path:
        """A folder of scripts for the predecessor's tester, which make its chroot trust the archive."""
        folder = self.directory / "scripts"
        folder.mkdir(exist_ok=True)
        key = base64.encodebytes(self.archive.keyring.read_bytes()).decode()
        trust = f"#!/bin/sh\nbase64 -d >/etc/apt/trusted.gpg.d/loopback.gpg <<END\n{key}END\n"
        atomic_write(folder / "post_chroot_unpack_trust", trust, mode=0o777, durable=False)
        return folder


_SESSION: Final = """#!/bin/sh
for outcome in pass fail untestable; do
    mkdir -p {kept}/$outcome
    find {slave} -path "*/$outcome/*.log" -exec cp -n -t {kept}/$outcome '{{}}' +
done
exec {command}
"""


def _settings(values: Mapping[str, str]) -> list[str]:
    return [f"{key} = {value}" for key, value in values.items()]


def _digests(folder: Path) -> dict[str, str]:
    return {
        f"{outcome}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for outcome in OUTCOMES
        for path in sorted(folder.glob(f"{outcome}/*.log"))
    }


@pytest.fixture
def site(
    tmp_path: Path,
    signed_archive: SignedArchive,
    archive_server: ArchiveServer,
    sshd: SshDoor,
    base_tarball: BaseTarball,
) -> Iterator[FarmSite]:
    """A farm's folders, empty; nothing runs but the mirror and the SSH server."""
    place = FarmSite(tmp_path, signed_archive, archive_server, sshd, base_tarball)
    for folder in (place.etc, place.master_directory, place.slave_directory, place.tmpdir, place.kept):
        folder.mkdir()
    place.tmpdir.chmod(0o755)
    place.configure()
    yield place
