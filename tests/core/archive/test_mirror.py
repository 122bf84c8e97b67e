"""The default mirror, from all the forms that apt's sources have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.archive.errors import NoMirror
from piufarm.archive.mirror import Mirror, default_mirror
from piufarm.archive.trust import host_keyrings

URL = "http://mirror.invalid/debian"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host of the release bookworm without sources."""
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text('PRETTY_NAME="Debian"\nVERSION_CODENAME=bookworm\n')
    return tmp_path


def write(root: Path, text: str, name: str = "sources.list") -> None:
    """Add a file of apt's sources."""
    (root / "etc/apt" / name).write_text(text)


@pytest.mark.parametrize(
    "line",
    [
        f"deb {URL} bookworm main contrib",
        f"deb {URL}/ bookworm main contrib # the nearest",
        f"deb [arch=amd64,i386,arm64 signed-by=/usr/share/keyrings/x.gpg] {URL} bookworm main contrib",
        f"  deb\t[ trusted=yes ]  {URL}   bookworm   main contrib  ",
    ],
)
def test_one_line_entries_are_understood(root: Path, line: str) -> None:
    write(root, f"# comment\n\ndeb-src {URL}/src bookworm main\n{line}\n")
    mirror = default_mirror(root)
    assert (mirror.uri, mirror.suite, mirror.components) == (URL, "bookworm", ("main", "contrib"))


def test_deb822_entries_are_understood(root: Path) -> None:
    write(
        root,
        "Enabled: no\nTypes: deb\nURIs: http://off.invalid\nSuites: bookworm\nComponents: main\n\n"
        "Types: deb-src\nURIs: http://src.invalid\nSuites: bookworm\nComponents: main\n\n"
        "# commented: yes\nTypes: deb deb-src\n# where it is\n"
        f"URIs: http://first.invalid/a {URL}\nSuites: bookworm-updates bookworm\nComponents: main non-free\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
        "sources.list.d/debian.sources",
    )
    assert default_mirror(root) == Mirror(
        "http://first.invalid/a", "bookworm", ("main", "non-free"),
        (Path("/usr/share/keyrings/debian-archive-keyring.gpg"),),
    )


def test_the_first_entry_counts_sources_list_before_the_files_beside_it(root: Path) -> None:
    write(root, "deb http://b.invalid bookworm main\n", "sources.list.d/b.list")
    write(root, "Types: deb\nURIs: http://a.invalid\nSuites: bookworm\nComponents: main\n", "sources.list.d/a.sources")
    assert default_mirror(root).uri == "http://a.invalid"
    write(root, "deb http://list.invalid bookworm main\n")
    assert default_mirror(root).uri == "http://list.invalid"


@pytest.mark.parametrize(
    "line",
    [
        f"deb {URL} trixie main",
        f"deb {URL} bookworm contrib",
        f"deb {URL} bookworm-updates main",
        f"deb {URL} bookworm/updates main",
        f"deb [arch=sparc] {URL} bookworm main",
        "deb cdrom:[Debian]/ bookworm main",
        "deb mirror+file:/etc/apt/mirrors.txt bookworm main",
        f"#deb {URL} bookworm main",
        f"deb {URL} ./",
    ],
)
def test_other_entries_are_passed_over(root: Path, line: str) -> None:
    write(root, f"{line}\n")
    with pytest.raises(NoMirror) as caught:
        default_mirror(root)
    assert caught.value.hint
    write(root, "deb file:/srv/mirror bookworm main\n", "sources.list.d/local.list")
    assert default_mirror(root).uri == "file:/srv/mirror"


def test_files_that_apt_ignores_are_ignored(root: Path) -> None:
    write(root, f"deb {URL} bookworm main\n", "sources.list.d/old.list.save")
    with pytest.raises(NoMirror):
        default_mirror(root)


def test_a_host_that_follows_a_moving_suite_has_a_mirror_too(root: Path) -> None:
    write(root, f"deb {URL} sid main\n")
    assert default_mirror(root).suite == "sid"
    write(root, "deb http://exact.invalid bookworm main\n", "sources.list.d/exact.list")
    assert default_mirror(root).suite == "bookworm"


def test_a_host_without_a_codename_has_one_by_a_moving_suite_only(root: Path) -> None:
    (root / "etc/os-release").unlink()
    write(root, f"deb {URL} bookworm main\ndeb {URL} unstable main\n")
    assert default_mirror(root).suite == "unstable"


def test_a_key_inside_the_entry_is_no_keyring_file(root: Path) -> None:
    write(
        root,
        f"Types: deb\nURIs: {URL}\nSuites: bookworm\nComponents: main\nSigned-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n /abcd\n -----END PGP PUBLIC KEY BLOCK-----\n",
        "sources.list.d/debian.sources",
    )
    assert default_mirror(root).keyrings == ()


def test_the_hosts_keyrings_are_those_of_archives_and_of_apt_without_retired_keys(root: Path) -> None:
    for name in (
        "usr/share/keyrings/debian-archive-keyring.gpg", "usr/share/keyrings/debian-archive-removed-keys.gpg",
        "usr/share/keyrings/nodesource.gpg", "etc/apt/trusted.gpg.d/a.asc", "etc/apt/trusted.gpg.d/b.gpg~",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    write(root, f"deb [signed-by=/etc/keys/own.gpg] {URL} bookworm main\n")
    assert [str(path).removeprefix(str(root)) for path in host_keyrings(root)] == [
        "/etc/keys/own.gpg", "/usr/share/keyrings/debian-archive-keyring.gpg", "/etc/apt/trusted.gpg.d/a.asc",
    ]


def test_a_host_without_a_mirror_still_has_keyrings(root: Path) -> None:
    (root / "etc/apt/trusted.gpg.d").mkdir()
    (root / "etc/apt/trusted.gpg.d/a.gpg").touch()
    assert [path.name for path in host_keyrings(root)] == ["a.gpg"]


@given(text=st.text(max_size=200) | st.text(alphabet="deb [=]htp:/#-\nURIsTypuS", max_size=200))
def test_any_text_gives_a_mirror_or_none(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp() / "any-sources"
    (root / "etc/apt/sources.list.d").mkdir(parents=True, exist_ok=True)
    for name in ("sources.list", "sources.list.d/any.sources"):
        (root / "etc/apt" / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert default_mirror(root).uri
    except NoMirror as error:
        assert error.hint
