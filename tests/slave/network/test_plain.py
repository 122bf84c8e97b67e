"""Uncompressed copies of .debs: the same files for dpkg, and only of what a batch needs more than once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo.debs import DebSpec, build
from piufarm.run import run
from piufarm.slave.network import plain
from piufarm.slave.network.plain import View, make_room, view

URL = "http://mirror/pool/p/plain_1.deb"
SPEC = DebSpec("plain", version="2:1.0~x+y", files={f"/usr/share/plain/{n}": os.urandom(7001) for n in range(20)})


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    return build(SPEC, tmp_path)


def offered(store: Path, deb: Path, *wanted: str) -> list[Path]:
    """What a chroot finds after this .deb was handed out to it."""
    with view(store, "tmp1", wanted) as seen, deb.open("rb") as original:
        seen.offer(URL, original)
        return [path.resolve() for path in seen.folder.iterdir()]


def test_dpkg_finds_the_same_in_the_copy(tmp_path: Path, deb: Path) -> None:
    with view(tmp_path / "plain", "tmp1", {URL}) as seen, deb.open("rb") as original:
        seen.offer(URL, original)
        (copy,) = seen.folder.iterdir()
        assert copy.name == "plain_2%3a1.0~x+y_all.deb"
        for option in ("--fsys-tarfile", "--ctrl-tarfile"):
            assert run(["dpkg-deb", option, copy]).stdout == run(["dpkg-deb", option, deb]).stdout
        assert copy.stat().st_size > deb.stat().st_size


def test_only_what_is_needed_more_than_once_is_copied(tmp_path: Path, deb: Path) -> None:
    assert offered(tmp_path / "plain", deb) == []
    assert len(offered(tmp_path / "plain", deb, URL)) == 1
    assert len(offered(tmp_path / "plain", deb)) == 1, "a copy that is there is used"


def test_the_copy_of_another_file_is_not_used(tmp_path: Path, deb: Path) -> None:
    offered(tmp_path / "plain", deb, URL)
    other = tmp_path / "other.deb"
    other.write_bytes(deb.read_bytes())
    assert offered(tmp_path / "plain", other) == []


def test_what_is_no_deb_is_left_to_dpkg(tmp_path: Path, deb: Path) -> None:
    content = deb.read_bytes()
    for number, broken in enumerate([b"x" * 200_000, content[:-20], content.replace(b"data.tar.xz", b"data.tar.zz")]):
        file = tmp_path / f"broken-{number}.deb"
        file.write_bytes(broken)
        assert offered(tmp_path / "plain", file, URL) == []
    assert not list((tmp_path / "plain").glob(".new-*"))


def test_views_are_gone_with_their_chroot(tmp_path: Path) -> None:
    with view(tmp_path, "tmp1", ()) as seen:
        assert isinstance(seen, View)
    assert list((tmp_path / "views").iterdir()) == []


def test_what_was_used_least_recently_goes(tmp_path: Path) -> None:
    for number, name in enumerate(["old", "used", "new"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.deb").write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (number, number))
    (tmp_path / "views").mkdir()
    make_room(tmp_path, 2000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "used", "views"]


def test_the_hooks_put_links_among_the_archives_and_take_them_away(tmp_path: Path) -> None:
    seen, archives = tmp_path / "seen", tmp_path / "archives"
    for folder in (seen, archives):
        folder.mkdir()
    for name in ("a_1%3a2_all.deb", "b_1_all.deb"):
        (archives / name).write_text("original")
    (seen / "a_1%3a2_all.deb").write_text("copy")
    paths = "".join(f"{archives / name}\n" for name in ("a_1%3a2_all.deb", "b_1_all.deb"))
    env = {"PATH": os.environ["PATH"], plain.VARIABLE: str(seen)}
    run(["sh", "-c", plain.HOOKS["DPkg::Pre-Install-Pkgs"]], input=paths.encode(), env=env)
    assert {path.name: path.read_text() for path in archives.iterdir()} == {
        "a_1%3a2_all.deb": "copy", "b_1_all.deb": "original"
    }
    run(["sh", "-c", plain.HOOKS["DPkg::Pre-Install-Pkgs"]], input=paths.encode(), env={"PATH": os.environ["PATH"]})
