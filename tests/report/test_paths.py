"""Names become paths in one place, and no name leaves the tree."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.names import InvalidName, Package, SectionName, Version
from piufarm.report.paths import SectionPaths, prefix, root_of, site_path, url
from piufarm.states import PackageState
from piufarm.store.model import Placement

_PACKAGES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+.-]{0,40}", fullmatch=True).map(Package)
_VERSIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.+:~-]{0,40}", fullmatch=True).map(Version)


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_a_path_stays_below_the_site_or_is_refused(parts: list[str]) -> None:
    try:
        path = site_path(*parts)
    except InvalidName:
        return
    assert posixpath.normpath(path) == path
    assert not path.startswith(("/", "."))
    assert all(word and not word.startswith(".") for word in path.split("/"))


@pytest.mark.parametrize("part", ["", ".", "..", "a/b", "/etc", ".htaccess", "a b", "a\n", "a\x00", "x" * 256, "é"])
def test_what_is_not_a_name_is_refused(part: str) -> None:
    with pytest.raises(InvalidName):
        site_path("sid", part)


def test_only_a_section_name_brings_its_slashes_along() -> None:
    assert site_path(SectionName("tarball/sid"), "index.html") == "tarball/sid/index.html"


@settings(deadline=None)
@given(_PACKAGES, _VERSIONS)
def test_every_legal_name_has_pages_whose_links_come_back_as_their_paths(package: Package, version: Version) -> None:
    paths = SectionPaths(SectionName("sid"))
    for path in (paths.package(package), paths.source(package), paths.log(Placement.FAIL, package, version)):
        parts = urlsplit(root_of(path) + url(path))
        assert not parts.scheme and not parts.query and not parts.fragment
        assert posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(parts.path))) == path


def test_the_classic_addresses_stay() -> None:
    paths = SectionPaths(SectionName("sid"))
    assert paths.index == "sid/index.html"
    assert paths.state(PackageState.FAILED_TESTING) == "sid/state-failed-testing.html"
    assert paths.listing("fail") == "sid/fail.html"
    assert paths.listing("fail", 2) == "sid/fail-2.html"
    assert paths.log(Placement.FAIL, Package("x"), Version("1:2-3")) == "sid/fail/x_1:2-3.log"
    assert paths.source(Package("0ad")) == "sid/source/0/0ad.html"
    assert paths.source(Package("libreoffice")) == "sid/source/libr/libreoffice.html"


@pytest.mark.parametrize(("name", "folder"), [("hello", "h"), ("libc6", "libc"), ("lib", "lib"), ("li", "l")])
def test_the_prefix_folder(name: str, folder: str) -> None:
    assert prefix(Package(name)) == folder


def test_a_name_with_signs_is_written_so_that_no_server_misreads_it() -> None:
    path = SectionPaths(SectionName("sid")).log(Placement.PASS, Package("g++"), Version("1:2~rc1+b1"))
    assert url(path) == "sid/pass/g++_1%3A2~rc1+b1.log"
