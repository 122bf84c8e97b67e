"""Bases over a directory that stays as it is, and what is put into a base beside its packages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.errors import FarmError
from piufarm.run import run
from piufarm.slave.bases.prepare import prepare
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.request import BaseRequest, Directory
from piufarm.slave.bases.tarball import save_tarball
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot, Entry
from piufarm.slave.chroot.limits import NO_LIMITS
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.tree import compare, index_tree
from piufarm.slave.network.access import NetworkAccess
from tests.support.bases import BaseTarball
from tests.support.flat_repository import publish_flat

SUITE: Final = "tested"
POLICY: Final = (b"#!/bin/sh\nexit 101\n", 0o755)


@pytest.fixture(scope="module")
def directory(base_tarball: BaseTarball, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system that lies unpacked on the host, such as people have."""
    place = tmp_path_factory.mktemp("existing") / "root"
    place.mkdir()
    run(["tar", "--numeric-owner", "-xzf", base_tarball.path, "-C", place])
    return place


def everything(directory: Path) -> dict[str, tuple[int, ...]]:
    """Each object with its inode, links, and all its times."""
    return {
        str(path): (status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        for path in sorted(directory.rglob("*"))
        if (status := path.lstat())
    }


@contextmanager
def opened(base: PreparedBase, tmp_path: Path, *binds: Path) -> Iterator[Chroot]:
    with OverlayBackend(tmp_path, binds=binds).open(base, NO_LIMITS) as chroot:
        yield chroot


def output(chroot: Chroot, *argv: str) -> str:
    result = chroot.run(argv, env=CHROOT_ENVIRONMENT)
    assert result.status == 0, result.output
    return result.output.decode()


def test_a_directory_is_a_base_without_being_copied_or_changed(
    directory: Path, cache: Path, signed_archive: SignedArchive, archive_server: ArchiveServer, tmp_path: Path
) -> None:
    before = everything(directory)
    signed_archive.publish(SUITE, [DebSpec("first", files={"/usr/share/first": "x"})])
    request = BaseRequest(
        Directory(directory),
        "amd64",
        sources_list=f"deb {archive_server.url} {SUITE} main\n",
        files={
            "/etc/apt/trusted.gpg.d/loopback.gpg": (signed_archive.keyring.read_bytes(), 0o644),
            "/usr/sbin/policy-rc.d": POLICY,
        },
        archives=((archive_server.url, SUITE),),
        packages=("first",),
    )
    with prepare(request, cache=cache, network=NetworkAccess((), cache / "debs")) as base:
        assert base.layers[-1] == directory
        assert base.packages["first"] == "1"
        assert not (base.root / "usr").exists(), "only what is read on the host is copied"
        assert "/usr/share/first" in base.tree
        with opened(base, tmp_path) as chroot:
            assert output(chroot, "dpkg-query", "-W", "-f", "${Version}", "first") == "1"
            assert not chroot.changes().after
            output(chroot, "rm", "-r", "/usr/share/doc", "/usr/share/first")
            output(chroot, "mv", "/etc/apt", "/etc/moved")
            changes = chroot.changes()
            assert {"/usr/share/first", "/etc/apt", "/usr/share/doc"} <= changes.before.keys() - changes.after.keys()
            assert "/etc/moved/trusted.gpg.d/loopback.gpg" in changes.after
    assert everything(directory) == before


def test_a_layer_adds_what_is_placed_and_nothing_else(directory: Path, cache: Path, nowhere: NetworkAccess) -> None:
    files = {"/usr/sbin/policy-rc.d": POLICY, "/opt/new/file": (b"x", 0o600)}
    request = BaseRequest(Directory(directory), "amd64", files=files, upgrade=False)
    with prepare(request, cache=cache, network=nowhere) as base:
        changes = compare(index(directory), base.tree)
        assert sorted(changes.after) == ["/opt/new", "/opt/new/file", "/usr/sbin/policy-rc.d"]
        assert not changes.before
        assert (base.root / "var/lib/dpkg/status").read_bytes() == (directory / "var/lib/dpkg/status").read_bytes()


def index(directory: Path, *unseen: str) -> dict[str, Entry]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        return index_tree(descriptor, unseen)
    finally:
        os.close(descriptor)


def test_a_directory_of_the_host_is_not_part_of_the_base(directory: Path, cache: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    publish_flat(repository, DebSpec("local", files={"/usr/share/local": "x"}))
    line = f"deb [trusted=yes] file://{repository} ./\n"
    request = BaseRequest(
        Directory(directory), "amd64", sources_list=line, archives=((f"file://{repository}", "./"),),
        packages=("local",), shown=(repository,),
    )
    network = NetworkAccess((), cache / "debs")
    with prepare(request, cache=cache, network=network) as base:
        assert base.packages["local"] == "1"
        assert str(repository) not in base.tree
        assert str(tmp_path) in base.tree, "where it is shown"
        with opened(base, tmp_path / "..", repository) as chroot:
            output(chroot, "apt-get", "-y", "install", "--reinstall", "local")
            assert not [path for path in chroot.changes().after if path.startswith(str(tmp_path))]
    publish_flat(repository, DebSpec("local", version="2"))
    with prepare(request, cache=cache, network=network) as base:
        assert base.packages["local"] == "2", "a list without Release file is renewed, too"


def test_a_package_that_cannot_be_put_into_a_base_is_our_trouble(
    directory: Path, cache: Path, nowhere: NetworkAccess
) -> None:
    request = BaseRequest(Directory(directory), "amd64", sources_list="", packages=("does-not-exist",))
    with pytest.raises(FarmError, match="does-not-exist"):
        prepare(request, cache=cache, network=nowhere)


def test_the_index_leaves_out_what_is_not_to_be_seen(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d", "proc/1"):
        (tmp_path / name).mkdir(parents=True)
    assert sorted(index(tmp_path, "/a/b")) == ["/", "/a", "/a/d"]


def test_a_layered_base_can_be_copied_and_saved_whole(
    directory: Path, cache: Path, nowhere: NetworkAccess, tmp_path: Path
) -> None:
    files = {"/opt/new": (b"x", 0o600)}
    request = BaseRequest(Directory(directory), "amd64", files=files, upgrade=False)
    with prepare(request, cache=cache, network=nowhere) as base:
        with OverlayBackend(tmp_path).copying().open(base, NO_LIMITS) as chroot:
            assert output(chroot, "cat", "/opt/new") == "x"
            assert not chroot.changes().after
        save_tarball(base, tmp_path / "saved.tar")
        names = run(["tar", "-tf", tmp_path / "saved.tar"]).stdout.decode().split("\n")
        assert {"./opt/new", "./usr/bin/dpkg"} <= set(names)
        assert len(names) > len(base.tree)


def test_what_is_made_to_show_a_directory_is_no_change(
    directory: Path, cache: Path, nowhere: NetworkAccess, tmp_path: Path
) -> None:
    """Whether the chroot's changes are read from its upper layer or told by a walk, which sees the whole tree."""
    shown = tmp_path / "a/b"
    shown.mkdir(parents=True)
    (shown / "file").touch()
    with prepare(BaseRequest(Directory(directory), "amd64", upgrade=False), cache=cache, network=nowhere) as base:
        backend = OverlayBackend(tmp_path, binds=(shown, Path("/usr/share")))
        for each in (backend, backend.copying()):
            with each.open(base, NO_LIMITS) as chroot:
                assert output(chroot, "ls", str(shown)) == "file\n"
                output(chroot, "touch", f"{tmp_path}/left")
                changes = chroot.changes()
                assert (sorted(changes.before), sorted(changes.after)) == ([], [f"{tmp_path}/left"])
