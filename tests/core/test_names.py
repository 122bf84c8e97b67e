"""Names that reach file names and the wire cannot hold anything that does harm there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.names import InvalidName, Package, SectionName, Version, log_name, parse_log_name

HOSTILE = [
    "", ".", "..", "a/b", "/a", "a b", "a\n", "\na", "a\tb", "a\x00b", "a\x1bb", "-a", "+a", "a\u2028b", "a;b", "a$b",
    "a*b", "a'b", 'a"b', "a<b", "a&b", "a|b", "a\\b", "é", "٣", "a" * 201,
]


@pytest.mark.parametrize("text", [*HOSTILE, "a_b", "_", "a:b", "a~b"])
def test_a_hostile_text_is_no_package(text: str) -> None:
    with pytest.raises(InvalidName):
        Package(text)


@pytest.mark.parametrize("text", [*HOSTILE, "1_2", "~1", ":1"])
def test_a_hostile_text_is_no_version(text: str) -> None:
    with pytest.raises(InvalidName):
        Version(text)


@pytest.mark.parametrize("text", [*(text for text in HOSTILE if text != "a/b"), "a//b", "a/", "a/../b", "a/.b", "a:b"])
def test_a_hostile_text_is_no_section(text: str) -> None:
    with pytest.raises(InvalidName):
        SectionName(text)


@pytest.mark.parametrize("text", ["a", "0ad", "libstdc++6", "g++-12", "libX11", "ia32-libs-i386"])
def test_real_package_names_are_legal(text: str) -> None:
    assert Package(text) == text


@pytest.mark.parametrize("text", ["1", "1:2.0-3+b1~bpo12+1", "20230101", "9.9~rc1+dfsg-1", "None"])
def test_real_versions_are_legal(text: str) -> None:
    assert Version(text) == text


@pytest.mark.parametrize("text", ["sid", "tarball/sid", "stable22sid", "bookworm-rcmd", "a/b/c", "sid_merged"])
def test_real_section_names_are_legal(text: str) -> None:
    assert SectionName(text) == text


def test_only_the_literal_none_stands_for_a_package_that_disappears() -> None:
    assert Version("None").is_disappearance
    assert not Version("none").is_disappearance
    assert not Version("1").is_disappearance


def test_a_long_hostile_text_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidName) as caught:
        Package("x\n" * 100_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text", ["a", "a.log", "a_.log", "_1.log", "a_1", "a_1_2.log", "a/b_1.log", "a_1.log\n", "../a_1.log"]
)
def test_what_is_no_log_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_log_name(text)


_PACKAGES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+.-]{0,60}", fullmatch=True)
_VERSIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.+:~-]{0,60}", fullmatch=True)


@given(package=_PACKAGES, version=_VERSIONS)
def test_a_log_name_gives_package_and_version_back(package: str, version: str) -> None:
    name = log_name(Package(package), Version(version))
    assert parse_log_name(name) == (package, version)
    assert "/" not in name
    assert len(name) < 255


@given(text=st.text(max_size=150))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    for kind in (Package, Version, SectionName):
        try:
            value = kind(text)
        except InvalidName:
            continue
        assert value == text
        assert value.isascii()
        assert value.isprintable()
        assert not {".", "..", ""} & set(value.split("/"))
        assert " " not in value
