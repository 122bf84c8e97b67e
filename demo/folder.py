"""The demo farm's folder: where everything lies, and the configuration that ties it together."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo.samples import SUITE
from piufarm.archive.mirror import Mirror
from piufarm.files import atomic_write

SAMPLES: Final = "samples"  # the section of the small packages


@dataclass(frozen=True)
class Folder:
    """One folder that holds a whole farm; removing it removes the farm."""

    path: Path

    @property
    def config(self) -> Path:
        """The farm's piuparts.conf."""
        return self.path / "piuparts.conf"

    @property
    def ssh(self) -> Path:
        """Keys, sshd's configuration and log."""
        return self.path / "ssh"

    @property
    def archive(self) -> Path:
        """The signed archive of the small packages."""
        return self.path / "archive"

    @property
    def master(self) -> Path:
        """master-directory."""
        return self.path / "master"

    @property
    def slave(self) -> Path:
        """slave-directory."""
        return self.path / "slave"

    @property
    def site(self) -> Path:
        """output-directory."""
        return self.path / "site"

    @property
    def cache(self) -> Path:
        """Prepared base images, archive indexes and .debs."""
        return self.path / "cache"

    @property
    def home(self) -> Path:
        """The home directory of the slave's account, as far as ssh is concerned."""
        return self.path / "home"

    @property
    def temporary(self) -> Path:
        """tmpdir, where chroots come and go."""
        return self.path / "tmp"

    @property
    def tarballs(self) -> Path:
        """basetgz-directory."""
        return self.path / "base"

    @property
    def events(self) -> Path:
        """What the slave says of its work, a JSON object a line."""
        return self.path / "slave-events.jsonl"

    @property
    def slave_log(self) -> Path:
        """What the slave prints."""
        return self.path / "slave.log"

    def make(self) -> None:
        """Create the folders."""
        folders = (self.ssh, self.archive, self.master, self.slave, self.site, self.cache, self.tarballs)
        for folder in (*folders, self.temporary, self.home / ".ssh"):
            folder.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """What the farm's programs find in their environment, on top of a clean one."""
        return {"PIUPARTS_CONF": str(self.config), "PIUFARM_CACHE": str(self.cache), "HOME": str(self.home)}


@dataclass(frozen=True)
class Plan:
    """What the farm tests, and where its servers listen."""

    mirror: Mirror
    suite: str
    packages: Sequence[str]
    ssh_port: int
    archive_port: int
    samples_keyring: Path  # trusts the host's archive and our own


def write_configuration(folder: Folder, plan: Plan) -> None:
    """Write piuparts.conf and distros.conf."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    keyring = f"archive-keyring = {plan.mirror.keyrings[0]}\n" if plan.mirror.keyrings else ""
    atomic_write(
        folder.config,
        f"""\
# Written by bin/demo: a whole farm in one folder.
[global]
sections = {plan.suite} {SAMPLES}
master-host = 127.0.0.1:{plan.ssh_port}
master-user = {user}
master-directory = {folder.master}
slave-directory = {folder.slave}
output-directory = {folder.site}
tmpdir = {folder.temporary}
basetgz-directory = {folder.tarballs}
mirror = {plan.mirror.uri}
components = {" ".join(plan.mirror.components)}
web-host = localhost
max-reserved = 50
idle-sleep = 1

[{plan.suite}]
description = packages of {plan.suite}: install, remove, purge
distro = {plan.suite}
packages = {" ".join(plan.packages)}
{keyring}
[{SAMPLES}]
description = one small package for each common kind of failure
distro = {SUITE}
archive-keyring = {plan.samples_keyring}
json-sections = none
""",
    )
    atomic_write(
        folder.path / "distros.conf",
        f"""\
# Written by bin/demo: the small packages are a partial distro on top of {plan.suite}.
[{SUITE}]
uri = http://127.0.0.1:{plan.archive_port}
components = main
depends = {plan.suite}
candidates = {SUITE}
""",
    )
