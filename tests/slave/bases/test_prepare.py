"""The cache of prepared bases: shared, fresh, and whole whatever is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.errors import FarmError
from piufarm.run import PIPE, clean_environment, run, spawn
from piufarm.slave.bases import making, prepared
from piufarm.slave.bases.housekeeping import REFERENCES, remove_unused
from piufarm.slave.bases.own_sources import archives_of
from piufarm.slave.bases.prepare import default_cache, prepare, prepare_on
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.request import BaseRequest, Directory, Tarball, request_key
from piufarm.slave.bases.shelf import Shelf
from piufarm.slave.bases.tarball import save_tarball
from piufarm.slave.chroot.tree import index_tree
from piufarm.slave.network.access import NetworkAccess
from tests.support.bases import BaseTarball
from tests.support.clone import CLONE
from tests.support.wait import wait_until

SUITE: Final = "tested"
_LARGE: Final = 200 << 20


def request_for(base: BaseTarball, **more: object) -> BaseRequest:
    """The base as it is, nothing fetched."""
    return replace(BaseRequest(Tarball(base.path), "amd64", upgrade=False), **more)  # type: ignore[arg-type]


def archive_request(base: BaseTarball, archive: SignedArchive, server: ArchiveServer) -> BaseRequest:
    """The base with the loopback archive as its only source."""
    files: Mapping[str, tuple[bytes, int]] = {
        "/etc/apt/trusted.gpg.d/loopback.gpg": (archive.keyring.read_bytes(), 0o644),
        "/usr/sbin/policy-rc.d": (b"#!/bin/sh\nexit 101\n", 0o755),
    }
    sources = f"deb {server.url} {SUITE} main\n"
    archives = ((server.url, SUITE),)
    return request_for(base, files=files, sources_list=sources, upgrade=True, archives=archives)


def shelf_of(cache: Path) -> Path:
    """The one folder of the cache."""
    (folder,) = (cache / "bases").iterdir()
    return folder


def test_a_base_is_prepared_once(base_tarball: BaseTarball, cache: Path, nowhere: NetworkAccess) -> None:
    with prepare(request_for(base_tarball), cache=cache, network=nowhere) as first:
        pass
    said: list[str] = []
    with prepare(request_for(base_tarball), cache=cache, network=nowhere, progress=said.append) as second:
        assert second.root == first.root
        assert said == []
        assert "dpkg" in second.packages
        assert any(name.startswith("libc6:") for name in second.packages), "Multi-Arch: same carries its architecture"
        descriptor = os.open(second.root, os.O_RDONLY)
        assert second.tree == index_tree(descriptor)
        os.close(descriptor)
        assert (second.root.parent.stat().st_mode & 0o777) == 0o700, "its setuid programs are nobody's"


def test_lists_are_renewed_when_the_archive_changes_and_a_running_test_keeps_its_base(
    base_tarball: BaseTarball, cache: Path, signed_archive: SignedArchive, archive_server: ArchiveServer
) -> None:
    network = NetworkAccess((archive_server.url,), cache / "debs")
    signed_archive.publish(SUITE, [DebSpec("first")])
    request = archive_request(base_tarball, signed_archive, archive_server)
    old = prepare(request, cache=cache, network=network)
    assert [command.argv[-1] for command in old.preparation] == ["update", "dist-upgrade"]
    assert (old.root / "usr/sbin/policy-rc.d").stat().st_mode & 0o777 == 0o755
    assert list((old.root / "etc/apt/sources.list.d").iterdir()) == []

    signed_archive.publish(SUITE, [DebSpec("first"), DebSpec("second")])
    with prepare(request, cache=cache, network=network) as new:
        assert new.root != old.root
        assert b"Package: second" in b"".join(path.read_bytes() for path in lists(new))
        assert b"Package: second" not in b"".join(path.read_bytes() for path in lists(old)), "it is still in use"
    old.close()

    signed_archive.publish(SUITE, [])
    with prepare(request, cache=cache, network=network) as newest:
        copies = [path.name for path in shelf_of(cache).iterdir() if path.is_dir() and not path.is_symlink()]
        assert copies == [newest.copy.name], "nobody uses the older ones"


def lists(base: PreparedBase) -> list[Path]:
    """apt's package lists of a base."""
    return list((base.root / "var/lib/apt/lists").glob("*_Packages"))


def test_a_mirror_that_is_down_or_lies_is_the_farms_trouble_and_the_old_base_stays(
    base_tarball: BaseTarball, cache: Path, signed_archive: SignedArchive, archive_server: ArchiveServer
) -> None:
    network = NetworkAccess((archive_server.url,), cache / "debs")
    signed_archive.publish(SUITE, [DebSpec("first")])
    request = archive_request(base_tarball, signed_archive, archive_server)
    with prepare(request, cache=cache, network=network) as base:
        good = base.copy
    signed_archive.publish(SUITE, [DebSpec("first"), DebSpec("second")])
    signed_archive.tamper(SUITE)
    with pytest.raises(FarmError, match=r"signatures were invalid|signature verification failed"):
        prepare(request, cache=cache, network=network)
    archive_server.broken = True
    with pytest.raises(FarmError):
        prepare(request, cache=cache, network=network)
    assert (shelf_of(cache) / "current").readlink().name == good.name
    assert [path.name for path in shelf_of(cache).iterdir() if path.name.startswith("new-")] == []


PREPARER: Final = """
import sys
from pathlib import Path
from piufarm.slave.bases.prepare import prepare
from piufarm.slave.bases.request import BaseRequest, Tarball
from piufarm.slave.network.access import NetworkAccess
tarball, cache = map(Path, sys.argv[1:])
prepare(BaseRequest(Tarball(tarball), "amd64", upgrade=False), cache=cache, network=NetworkAccess((), cache),
    progress=lambda line: print(line, flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.4])
def test_a_killed_preparer_leaves_nothing_that_anybody_takes_for_a_base(
    cache: Path, nowhere: NetworkAccess, tmp_path: Path, seconds: float
) -> None:
    tarball = large_tarball(tmp_path)
    words = ["/usr/bin/python3", "-c", PREPARER, str(tarball), str(cache)]
    preparer = spawn(words, stdout=PIPE, env=clean_environment(PYTHONPATH=str(CLONE)))
    assert preparer.stdout is not None
    assert preparer.stdout.readline().startswith(b"unpacking")
    time.sleep(seconds)
    preparer.send_signal(signal.SIGKILL)
    preparer.wait()
    preparer.stdout.close()
    wait_until(lambda: not _mention(str(cache)), "what the preparer had started to end")
    request = BaseRequest(Tarball(tarball), "amd64", upgrade=False)
    with prepare(request, cache=cache, network=nowhere) as base:
        assert (base.root / "large").stat().st_size == _LARGE
        assert base.packages == {"one": "1:2-3"}
    assert [path.name for path in shelf_of(cache).iterdir() if path.name.startswith("new-")] == []


def large_tarball(folder: Path) -> Path:
    """A tarball that takes its time."""
    small_root(folder / "source")
    with (folder / "source/large").open("wb") as stream:
        stream.truncate(_LARGE)
    run(["tar", "--xattrs", "-czf", folder / "large.tar.gz", "-C", folder / "source", "."])
    return folder / "large.tar.gz"


def _mention(text: str) -> list[str]:
    """Processes whose command line has this text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_bytes().decode(errors="replace"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_of_several_preparers_one_works_and_the_others_wait(
    base_tarball: BaseTarball, cache: Path, nowhere: NetworkAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    lock = threading.Lock()
    really = making.make_copy

    def counted(copy: Path, *rest: object) -> None:
        with lock:
            made.append(copy)
        really(copy, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("piufarm.slave.bases.prepare.make_copy", counted)
    with ThreadPoolExecutor(4) as pool:
        request = request_for(base_tarball)
        bases = list(pool.map(lambda _: prepare(request, cache=cache, network=nowhere), range(4)))
    assert len(made) == 1
    assert len({base.root for base in bases}) == 1
    for base in bases:
        base.close()


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz", "tar.zst"])
def test_a_saved_base_comes_back_the_same(
    cache: Path, nowhere: NetworkAccess, tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / "source"
    small_root(source)
    saved = tmp_path / f"saved.{suffix}"
    request = BaseRequest(Directory(source), "amd64", upgrade=False)
    with prepare(request, cache=cache, network=nowhere) as base:
        save_tarball(base, saved)
        assert saved.stat().st_mode & 0o777 == 0o644
        again = BaseRequest(Tarball(saved), "amd64", upgrade=False)
        with prepare(again, cache=cache, network=nowhere) as loaded:
            assert loaded.base_id == base.base_id
            assert os.getxattr(loaded.root / "bin/program", "security.capability")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".new-")] == []


def test_a_tarball_of_no_known_kind_is_not_written(cache: Path, nowhere: NetworkAccess, tmp_path: Path) -> None:
    small_root(tmp_path / "source")
    request = BaseRequest(Directory(tmp_path / "source"), "amd64", upgrade=False)
    with prepare(request, cache=cache, network=nowhere) as base:
        with pytest.raises(FarmError, match="no known tarball format"):
            save_tarball(base, tmp_path / "base.zip")
        with pytest.raises(FarmError, match="none"):
            save_tarball(base, tmp_path / "none/base.tar")


def small_root(root: Path) -> None:
    """Just enough to be a Debian system: a status file, and a few objects of each kind."""
    for name in ("bin", "dev", "proc", "sys", "tmp", "var/lib/dpkg", "etc"):
        (root / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text(
        "Package: one\nStatus: install ok installed\nArchitecture: all\nVersion: 1:2-3\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
    )
    (root / "bin/program").write_text("x")
    os.chown(root / "bin/program", 54321, 54321)
    run(["setcap", "cap_net_raw+ep", root / "bin/program"])
    (root / "etc/link").symlink_to("/bin/program")
    os.mkfifo(root / "etc/pipe")


def test_equal_requests_share_a_key_and_others_do_not(tmp_path: Path) -> None:
    tarball = tmp_path / "base.tar"
    tarball.write_bytes(b"1")
    one = BaseRequest(Tarball(tarball), "amd64", files={"/a": (b"1", 0o644), "/b": (b"2", 0o644)})
    same = BaseRequest(Tarball(tarball), "amd64", files={"/b": (b"2", 0o644), "/a": (b"1", 0o644)})
    assert request_key(one) == request_key(same)
    others = [
        replace(one, arch="i386"),
        replace(one, upgrade=False),
        replace(one, sources_list="deb x y z\n"),
        replace(one, files={"/a": (b"1", 0o755), "/b": (b"2", 0o644)}),
    ]
    assert len({request_key(one), *map(request_key, others)}) == 5
    before = request_key(one)
    tarball.write_bytes(b"22")
    assert request_key(one) != before, "another tarball came in its place"
    tarball.unlink()
    with pytest.raises(FarmError, match="no base image"):
        request_key(one)


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIUFARM_CACHE", "/somewhere")
    assert default_cache() == Path("/somewhere")
    monkeypatch.delenv("PIUFARM_CACHE")
    assert default_cache() == Path("/var/cache/piufarm")


@pytest.mark.parametrize("content", ["", "{}", '{"format": 0}', "[]", "not JSON"])
def test_a_damaged_copy_is_made_again(cache: Path, nowhere: NetworkAccess, tmp_path: Path, content: str) -> None:
    small_root(tmp_path / "source")
    request = BaseRequest(Directory(tmp_path / "source"), "amd64", upgrade=False)
    with prepare(request, cache=cache, network=nowhere) as base:
        (base.copy / "facts.json").write_text(content)
    with prepare(request, cache=cache, network=nowhere) as again:
        assert again.packages == {"one": "1:2-3"}
        assert again.copy != base.copy


def test_a_copy_of_before_a_restart_is_used_only_if_it_was_on_the_disk(
    nowhere: NetworkAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_root(tmp_path / "source")
    request = BaseRequest(Directory(tmp_path / "source"), "amd64", upgrade=False)
    shelves = {durable: Shelf(tmp_path / str(durable), durable=durable) for durable in (False, True)}
    for shelf in shelves.values():
        prepare_on(shelf, request, nowhere, print).close()
    monkeypatch.setattr(prepared, "boot_id", lambda: "another")
    assert shelves[False].take() is None
    kept = shelves[True].take()
    assert kept is not None
    kept.close()


def test_what_nobody_has_used_for_long_is_removed_from_the_cache(
    cache: Path, nowhere: NetworkAccess, tmp_path: Path
) -> None:
    bases = []
    for name in ("used", "idle"):
        small_root(tmp_path / name)
        request = BaseRequest(Directory(tmp_path / name), "amd64", upgrade=False)
        bases.append(prepare(request, cache=cache, network=nowhere))
    used, idle = bases
    idle.close()
    deb = cache / "debs/by-url/00/old.deb"
    reference = cache / REFERENCES / "old.json.zst"
    for file in (deb, reference):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    remove_unused(cache)
    assert all(path.exists() for path in (used.root, idle.root, deb, reference))
    remove_unused(cache, older_than=time.time() + 10)
    assert used.root.exists()
    assert not any(path.exists() for path in (idle.root, deb, reference))
    used.close()


def test_a_directory_without_dpkg_is_no_base(cache: Path, nowhere: NetworkAccess, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FarmError):
        prepare(BaseRequest(Directory(tmp_path / "empty"), "amd64", upgrade=False), cache=cache, network=nowhere)


def test_a_copy_without_its_facts_is_made_again(cache: Path, nowhere: NetworkAccess, tmp_path: Path) -> None:
    small_root(tmp_path / "source")
    request = BaseRequest(Directory(tmp_path / "source"), "amd64", upgrade=False)
    with prepare(request, cache=cache, network=nowhere) as base:
        (base.copy / "facts.json").unlink()
    assert Shelf(base.copy.parent).take() is None
    with prepare(request, cache=cache, network=nowhere) as again:
        assert again.copy != base.copy


def test_a_change_deep_in_a_directory_makes_another_base(cache: Path, nowhere: NetworkAccess, tmp_path: Path) -> None:
    small_root(tmp_path / "source")
    request = BaseRequest(Directory(tmp_path / "source"), "amd64", upgrade=False)
    prepare(request, cache=cache, network=nowhere).close()
    status = tmp_path / "source/var/lib/dpkg/status"
    status.write_text(status.read_text().replace("1:2-3", "1:2-4"))
    with prepare(request, cache=cache, network=nowhere) as base:
        assert base.packages == {"one": "1:2-4"}


def test_a_base_with_sources_of_its_own_stays_as_fresh_as_their_archive(
    base_tarball: BaseTarball, cache: Path, tmp_path: Path, signed_archive: SignedArchive, archive_server: ArchiveServer
) -> None:
    network = NetworkAccess((), cache / "debs")
    signed_archive.publish(SUITE, [DebSpec("first")])
    made = archive_request(base_tarball, signed_archive, archive_server)
    with prepare(made, cache=cache, network=NetworkAccess((archive_server.url,), cache / "debs")) as base:
        save_tarball(base, tmp_path / "base.tar")
    request = BaseRequest(Tarball(tmp_path / "base.tar"), "amd64")
    for names in (["first"], ["first", "second"]):
        signed_archive.publish(SUITE, map(DebSpec, names))
        with prepare(request, cache=cache, network=network) as kept:
            text = b"".join(path.read_bytes() for path in lists(kept))
            assert [name for name in ("first", "second") if f"Package: {name}".encode() in text] == names
            assert archives_of(request, kept.root) == ((archive_server.url, SUITE),)


def test_housekeeping_bears_what_others_remove_and_what_does_not_belong(cache: Path) -> None:
    (cache / "bases/file").parent.mkdir(parents=True)
    (cache / "bases/file").write_text("not a folder")
    old = cache / "debs/by-url/00/folder"
    old.mkdir(parents=True)
    remove_unused(cache, older_than=time.time() + 10)
    assert old.exists()


def test_a_renewed_base_shares_its_files_with_the_older_one_unless_packages_are_upgraded(
    base_tarball: BaseTarball, cache: Path, signed_archive: SignedArchive, archive_server: ArchiveServer
) -> None:
    network = NetworkAccess((archive_server.url,), cache / "debs")
    upgrade = DebSpec("tzdata", version="99:1", files={"/usr/share/zoneinfo/UTC": "new\n"})
    request = archive_request(base_tarball, signed_archive, archive_server)
    bases = []
    for packages in ([DebSpec("first")], [DebSpec("second")], [DebSpec("second"), upgrade]):
        signed_archive.publish(SUITE, packages)
        bases.append(prepare(request, cache=cache, network=network))
    first, second, upgraded = bases
    inodes = [(base.root / "usr/share/zoneinfo/UTC").stat().st_ino for base in bases]
    assert inodes[0] == inodes[1] != inodes[2]
    assert [base.packages["tzdata"] == "99:1" for base in bases] == [False, False, True]
    assert (upgraded.root / "usr/share/zoneinfo/UTC").read_text() == "new\n"
    for base in bases:
        descriptor = os.open(base.root, os.O_RDONLY)
        assert base.tree == index_tree(descriptor), "what came later has left it as it was"
        os.close(descriptor)
        base.close()
    assert first.tree["/usr/share/zoneinfo/UTC"] == second.tree["/usr/share/zoneinfo/UTC"]
