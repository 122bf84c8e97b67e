"""What a base image may hold, and what is refused before it is used."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.run import run
from piufarm.slave.bases.request import Directory, Tarball
from piufarm.slave.bases.unpack import fill


def tarball(path: Path, *members: tarfile.TarInfo) -> Tarball:
    """A tarball of just these members."""
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return Tarball(path)


def member(name: str, kind: bytes = tarfile.REGTYPE, **more: object) -> tarfile.TarInfo:
    """One member."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = 1 if kind == tarfile.REGTYPE else 0
    for key, value in more.items():
        setattr(info, key, value)
    return info


def unpacked(source: Tarball | Directory, root: Path) -> Path:
    """The filled root."""
    root.mkdir()
    fill(root, source, arch="amd64", proxy=None)
    return root


def test_owners_modes_and_attributes_are_kept(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    program = source / "program"
    program.write_text("x")
    os.chown(program, 54321, 12345)
    program.chmod(0o4755)
    os.setxattr(program, "user.note", b"kept")
    run(["setcap", "cap_net_raw+ep", program])
    run(["tar", "--xattrs", "--xattrs-include=*", "-cf", tmp_path / "base.tar", "-C", source, "."])
    for root in (
        unpacked(Tarball(tmp_path / "base.tar"), tmp_path / "one"),
        unpacked(Directory(source), tmp_path / "two"),
    ):
        status = (root / "program").stat()
        assert (status.st_uid, status.st_gid) == (54321, 12345)
        assert os.getxattr(root / "program", "user.note") == b"kept"
        assert os.getxattr(root / "program", "security.capability")


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/absolute"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FarmError):
        unpacked(tarball(tmp_path / "base.tar.gz", member("fine"), member(name)), tmp_path / "deep")
    assert not (tmp_path / "outside").exists()


def test_a_link_does_not_lead_a_later_member_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    evil = tarball(
        tmp_path / "base.tar.gz", member("way", tarfile.SYMTYPE, linkname=str(outside)), member("way/file")
    )
    with contextlib.suppress(FarmError):
        unpacked(evil, tmp_path / "root")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind", "major"),
    [
        ("dev/sda", tarfile.BLKTYPE, 8),
        ("srv/sda", tarfile.BLKTYPE, 8),
        ("srv/null", tarfile.CHRTYPE, 1),
        ("dev/mem", tarfile.CHRTYPE, 1),
    ],
)
def test_devices_that_no_base_needs_are_refused(tmp_path: Path, name: str, kind: bytes, major: int) -> None:
    folder = member(name.partition("/")[0], tarfile.DIRTYPE, mode=0o755)
    device = member(name, kind, devmajor=major, devminor=1)
    with pytest.raises(FarmError, match=f"/{name}"):
        unpacked(tarball(tmp_path / "base.tar.gz", folder, device), tmp_path / "root")


def test_the_usual_devices_pass(tmp_path: Path) -> None:
    folder = member("dev", tarfile.DIRTYPE, mode=0o755)
    device = member("dev/null", tarfile.CHRTYPE, devmajor=1, devminor=3)
    root = unpacked(tarball(tmp_path / "base.tar.gz", folder, device), tmp_path / "root")
    assert stat.S_ISCHR((root / "dev/null").stat().st_mode)


@pytest.mark.parametrize("content", [b"", b"not a tarball", b"\x1f\x8b cut off"])
def test_what_is_no_tarball_is_the_farms_trouble(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "base.tar.gz"
    path.write_bytes(content)
    with pytest.raises(FarmError):
        unpacked(Tarball(path), tmp_path / "root")


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    for source in (Tarball(tmp_path / "none.tar.gz"), Directory(tmp_path / "none")):
        with pytest.raises(FarmError, match="none"):
            unpacked(source, tmp_path / type(source).__name__)
