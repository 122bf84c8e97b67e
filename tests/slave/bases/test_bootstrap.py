"""Bases made from an archive, by either tool."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.archive.mirror import default_mirror
from piufarm.errors import FarmError
from piufarm.slave.bases.request import Bootstrap
from piufarm.slave.bases.status import installed_packages
from piufarm.slave.bases.unpack import fill
from tests.slave.chroot.conftest import default_architecture


@pytest.fixture(params=["mmdebstrap", "debootstrap"])
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tool that is used: the second one where the first is not installed."""
    really: Callable[[str], str | None] = shutil.which
    monkeypatch.setattr(
        "piufarm.slave.bases.unpack.shutil.which", lambda name: really(name) if name == request.param else None
    )
    return str(request.param)


def test_an_archive_that_somebody_else_signed_makes_no_base(
    tool: str, signed_archive: SignedArchive, archive_server: ArchiveServer, tmp_path: Path
) -> None:
    signed_archive.publish("bookworm", [DebSpec("hello")])
    stranger = SignedArchive(tmp_path / "stranger").keyring
    root = tmp_path / "base/root"
    root.mkdir(parents=True)
    source = Bootstrap("bookworm", archive_server.url, keyring=stranger)
    with pytest.raises(FarmError) as caught:
        fill(root, source, arch=default_architecture(), proxy=None)
    assert tool in caught.value.message
    assert caught.value.hint is not None
    assert archive_server.url in caught.value.hint
    assert not [path for path in archive_server.requested if path.endswith(".deb")]
    assert [path.name for path in root.parent.iterdir()] == ["root"], "no temporary files"


@pytest.mark.farm
def test_the_hosts_own_release_becomes_a_base(tmp_path: Path) -> None:
    mirror = default_mirror()
    root = tmp_path / "base/root"
    root.mkdir(parents=True)
    keyring = mirror.keyrings[0] if mirror.keyrings else Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    fill(root, Bootstrap(mirror.suite, mirror.uri, keyring=keyring), arch=default_architecture(), proxy=None)
    assert {"dpkg", "apt", "base-files"} <= installed_packages(root).keys()
    assert (root / "bin").is_symlink()
    assert not list((root / "etc/apt/apt.conf.d").glob("*mmdebstrap*"))
    shutil.rmtree(root)
