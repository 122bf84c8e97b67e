from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.archive.mirror import Mirror
from piufarm.config.distros import Distros, load_distros
from piufarm.errors import UsageError
from piufarm.slave.bases.request import Bootstrap, Directory, Tarball
from piufarm.slave.tester.command_line.options import RootOptions
from piufarm.slave.tester.roots import base_request as base_request_module
from piufarm.slave.tester.roots.base_request import (
    Archive,
    base_request,
    local_directories,
    mirrors,
    repositories,
    site_proxy,
    sources_list,
)
from piufarm.slave.tester.roots.root_files import root_files

MIRROR = Archive("http://mirror.example/debian", ("main", "contrib"))
TARBALL = RootOptions(tarball=Path("/base.tgz"), distribution="bookworm", arch="amd64")


def test_sources_have_one_line_a_component() -> None:
    assert sources_list(TARBALL, [MIRROR], Distros()) == (
        "deb http://mirror.example/debian bookworm main\ndeb http://mirror.example/debian bookworm contrib\n"
    )


def test_further_mirrors_and_extra_lines_follow() -> None:
    options = RootOptions(distribution="sid", extra_repos=("deb [trusted=yes] http://extra.example/ ./",))
    text = sources_list(options, [MIRROR, Archive("http://two.example", ("main", "x"))], Distros())
    assert text.splitlines()[2:] == ["deb http://two.example sid main x", "deb [trusted=yes] http://extra.example/ ./"]


def test_a_suite_is_expanded_through_distros_conf(tmp_path: Path) -> None:
    conf = tmp_path / "distros.conf"
    conf.write_text("[bookworm-backports]\ndepends = bookworm\ncomponents = main\n")
    options = RootOptions(distribution="bookworm-backports")
    assert sources_list(options, [MIRROR], load_distros(conf)).splitlines() == [
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian bookworm contrib",
        "deb http://mirror.example/debian bookworm-backports main",
    ]


def test_repositories_are_read_from_sources_with_and_without_options() -> None:
    text = (
        "# comment\n\ndeb http://a.example/ s main\ndeb http://a.example s contrib # again\n"
        "deb [ trusted=yes arch=amd64 ] http://b.example ./\ndeb-src http://c.example s main\n"
    )
    assert repositories(text) == (("http://a.example", "s"), ("http://b.example", "./"))


@pytest.mark.parametrize("line", ["nonsense", "deb", "deb [x", "deb http://x"])
def test_a_line_that_apt_would_not_understand_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match=r"not a line of sources\.list"):
        repositories(line)


def test_mirrors_have_components_of_their_own_or_those_of_the_flavour() -> None:
    options = RootOptions(mirrors=("http://m.example/debian/", "http://n.example x y"))
    assert mirrors(options) == [
        Archive("http://m.example/debian", ("main", "contrib", "non-free", "non-free-firmware")),
        Archive("http://n.example", ("x", "y")),
    ]
    ubuntu = RootOptions(mirrors=("http://m.example",), flavour="ubuntu")
    assert mirrors(ubuntu)[0].components == ("main", "universe", "restricted", "multiverse")


@pytest.mark.parametrize("mirror", ["", "  ", "mirror.example", "/srv/mirror"])
def test_what_is_no_mirror_is_refused(mirror: str) -> None:
    with pytest.raises(UsageError, match="not a mirror"):
        mirrors(RootOptions(mirrors=(mirror,)))


def test_a_flavour_alone_is_the_hosts_mirror_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Mirror("http://host.example/debian", "bookworm", ("main",), ())
    monkeypatch.setattr(base_request_module, "default_mirror", lambda: host)
    assert mirrors(RootOptions(flavour="debian")) == [Archive("http://host.example/debian", ("main",))]
    with pytest.raises(UsageError, match="ubuntu needs a --mirror"):
        mirrors(RootOptions(flavour="ubuntu"))


def test_a_request_says_where_the_root_comes_from() -> None:
    assert base_request(TARBALL, [MIRROR], Distros()).source == Tarball(Path("/base.tgz"))
    directory = RootOptions(directory=Path("/root"), arch="amd64")
    assert base_request(directory, [MIRROR], Distros()).source == Directory(Path("/root"))
    fresh = RootOptions(distribution="sid", arch="amd64", verify_signatures=False, merged_usr=True)
    assert base_request(fresh, [MIRROR], Distros()).source == Bootstrap(
        "sid", MIRROR.uri, MIRROR.components, None, (), True
    )


def test_what_is_asked_for_besides_belongs_to_the_base(tmp_path: Path) -> None:
    options = RootOptions(
        tarball=Path("/base.tgz"), arch="amd64", debfoster=("-f",), fake_essential_packages=("adduser", "ucf"),
        extra_repos=(f"deb [trusted=yes] file://{tmp_path} ./", "deb file:/nonexistent x main"),
    )
    request = base_request(options, [MIRROR], Distros())
    assert (request.debfoster, request.packages, request.shown) == (("-f",), ("adduser", "ucf"), (tmp_path,))


def test_directories_of_this_host_are_known_by_their_uris(tmp_path: Path) -> None:
    odd = tmp_path / "a b"
    odd.mkdir()
    uris = (f"file:{tmp_path}", f"file://{tmp_path}", f"copy:{odd}", f"file://{tmp_path}/a%20b", "file:/nonexistent",
            f"http://x{tmp_path}", "file:///")
    assert local_directories(uris) == (tmp_path, odd)


def test_a_repository_that_the_root_has_itself_is_not_the_hosts(tmp_path: Path) -> None:
    host, root = tmp_path / "srv", tmp_path / "root"
    host.mkdir()
    assert local_directories([f"file:{host}"], root) == (host,)
    (root / str(host)[1:]).mkdir(parents=True)
    assert local_directories([f"file:{host}"], root) == ()


@given(st.text())
def test_any_uri_is_a_directory_of_this_host_or_not(text: str) -> None:
    assert all(path.is_dir() for path in local_directories([text, f"file:{text}"]))


def test_sources_can_be_kept_as_they_are() -> None:
    kept = RootOptions(tarball=Path("/base.tgz"), arch="amd64", keep_sources_list=True)
    request = base_request(kept, [MIRROR], Distros())
    assert (request.sources_list, request.archives) == (None, ())


def test_the_proxy_is_the_one_asked_for_or_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    far, near = "http://mirror.example/debian", "http://127.0.0.1:8000"
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    assert site_proxy(RootOptions(proxy="http://mine:1"), [near]) == "http://mine:1"
    assert site_proxy(RootOptions(), [far]) == "http://proxy.example:3128"
    assert site_proxy(RootOptions(), [near]) is None
    monkeypatch.setenv("http_proxy", "")
    monkeypatch.setattr(base_request_module, "host_apt_setting", lambda _: "http://apt.example:3142")
    assert site_proxy(RootOptions(), [far]) == "http://apt.example:3142"
    monkeypatch.setattr(base_request_module, "host_apt_setting", lambda _: "DIRECT")
    assert site_proxy(RootOptions(), [far]) is None


def test_the_files_that_every_root_gets() -> None:
    files = root_files(RootOptions(), b"# no\n\nnameserver 127.0.0.1\n; no\n")
    assert files["/etc/resolv.conf"] == (b"nameserver 127.0.0.1\n", 0o644)
    assert files["/etc/dpkg/dpkg.cfg.d/piuparts"] == (b"force-unsafe-io\n", 0o644)
    assert files["/usr/sbin/policy-rc.d"] == (b"#!/bin/sh\nexit 101\n", 0o755)
    conf = files["/etc/apt/apt.conf.d/piuparts"][0].decode()
    for line in (
        'APT::Get::Assume-Yes "yes";', 'APT::Install-Recommends "0";', 'APT::Get::AllowUnauthenticated "No";',
        'Acquire::PDiffs "false";', 'Dpkg::Options:: "--force-unsafe-io";',
    ):  # fmt: skip
        assert line in conf.splitlines()
    assert "Check-Valid-Until" not in conf


def test_options_change_the_files() -> None:
    options = RootOptions(
        install_recommends=True, verify_signatures=False, check_valid_until=False, unsafe_io=False, force_confdef=True,
        allow_database=True,
    )
    files = root_files(options, b"")
    conf = files["/etc/apt/apt.conf.d/piuparts"][0].decode().splitlines()
    assert {'APT::Install-Recommends "1";', 'APT::Get::AllowUnauthenticated "Yes";',
            'Acquire::Check-Valid-Until "false";', 'Dpkg::Options:: "--force-confdef";'} <= set(conf)
    assert files["/etc/dpkg/dpkg.cfg.d/piuparts"][0] == b"force-confdef\n"
    assert b"postgresql" in files["/usr/sbin/policy-rc.d"][0]


def test_a_keyring_is_trusted_in_the_root_as_what_it_is(tmp_path: Path) -> None:
    for content, suffix in ((b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "asc"), (b"\x99\x01", "gpg")):
        keyring = tmp_path / "keys"
        keyring.write_bytes(content)
        files = root_files(RootOptions(keyring=keyring), b"")
        assert files[f"/etc/apt/trusted.gpg.d/piufarm.{suffix}"] == (content, 0o644)
