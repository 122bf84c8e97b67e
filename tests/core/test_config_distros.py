"""distros.conf: expansion, candidates, sources lines, tarball names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.config.distros import Distros, base_tarball_name, load_distros, sources_lines
from piufarm.errors import ConfigError

MIRROR = "http://mirror.invalid/debian"

FARM = """\
[DEFAULT]
security = http://security.invalid

[old-security]
uri = %(security)s
depends = old

[old-updates]
depends = old
components = main

# a point release to come
[old-next]
uri = None
depends = old old-security old-updates
candidates = old old-security

[old-backports]
depends = old old-security
target-release = old-backports

[stable]
distribution = old

[virtual-candidates]
candidates = old-next old
"""


@pytest.fixture
def distros(tmp_path: Path) -> Distros:
    file = tmp_path / "distros.conf"
    file.write_text(FARM)
    return load_distros(file)


def names(distros: Distros, name: str) -> list[str]:
    """The names of an expansion."""
    return [distro.name for distro in distros.expand(name)]


def test_parents_come_before_children_each_once(distros: Distros) -> None:
    assert names(distros, "old-backports") == ["old", "old-security", "old-backports"]
    assert names(distros, "old-next") == ["old", "old-security", "old-updates"]


def test_an_unknown_name_is_a_plain_distro(distros: Distros) -> None:
    assert names(distros, "sid") == ["sid"]
    assert distros.get("sid").distribution == "sid"
    assert [distro.name for distro in distros.candidates("sid")] == ["sid"]


def test_candidates_are_not_expanded_and_never_virtual(distros: Distros) -> None:
    assert [distro.name for distro in distros.candidates("old-next")] == ["old", "old-security"]
    assert [distro.name for distro in distros.candidates("old-backports")] == ["old-backports"]
    assert [distro.name for distro in distros.candidates("virtual-candidates")] == ["old"]


def test_a_virtual_distro_without_candidates_takes_its_first_parent(tmp_path: Path) -> None:
    file = tmp_path / "distros.conf"
    file.write_text("[merged]\nuri = None\ndepends = a b\n")
    distros = load_distros(file)
    assert [distro.name for distro in distros.candidates("merged")] == ["a"]
    assert distros.base_distro("merged").name == "a"


def test_interpolation_and_warnings(distros: Distros, tmp_path: Path) -> None:
    assert distros.get("old-security").uri == "http://security.invalid"
    assert distros.warnings == ()
    file = tmp_path / "other.conf"
    file.write_text("[a]\ntarget-relaese = a\n")
    assert load_distros(file).warnings == (
        f"{file}:2: [a] target-relaese: unknown key; did you mean target-release?",
    )


def test_sources_lines_list_parents_first_and_respect_the_components_of_a_distro(distros: Distros) -> None:
    assert sources_lines(distros, "old-next", mirror=MIRROR, components=("main", "contrib")) == (
        f"deb {MIRROR} old main",
        f"deb {MIRROR} old contrib",
        "deb http://security.invalid old-security main",
        "deb http://security.invalid old-security contrib",
        f"deb {MIRROR} old-updates main",
    )


def test_an_alias_names_its_distribution(distros: Distros) -> None:
    assert sources_lines(distros, "stable", mirror=MIRROR, components=("main",)) == (f"deb {MIRROR} old main",)
    assert base_tarball_name(distros, "stable", arch="amd64", merged_usr=False) == "old_amd64.tar.gz"


def test_the_tarball_is_named_by_the_first_distro_of_the_expansion(distros: Distros) -> None:
    assert base_tarball_name(distros, "old-backports", arch="i386", merged_usr=True) == "old-merged-usr_i386.tar.gz"
    assert base_tarball_name(distros, "a/updates", arch="amd64", merged_usr=False) == "a-updates_amd64.tar.gz"


def test_the_target_release_is_that_of_the_distro_itself(distros: Distros) -> None:
    assert distros.target_release("old-backports") == "old-backports"
    assert distros.target_release("old-next") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\ndepends = b\n[b]\ndepends = a\n", ":2: [a] depends: depends on itself"),
        ("[a]\ndepends = a\n", ":2: [a] depends: depends on itself"),
        ("[a]\n\nuri = None\n", ":3: [a] uri: a virtual distro without parents"),
        ("[a]\nuri = nowhere\n", ":2: [a] uri: expected "),
        ("[a]\ndepends = ../b\n", ":2: [a] depends: expected "),
        ("[a b]\n", ":1: [a b]: not a name for a distro"),
        ("[a]\nuri = %(x)s\n", ":2: [a] uri: bad interpolation"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "distros.conf"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_distros(file)
    assert message in caught.value.message
    assert caught.value.hint


def test_the_file_beside_the_configuration_in_use_counts(tmp_path: Path) -> None:
    (tmp_path / "distros.conf").write_text("[stable]\ndistribution = forky\n")
    assert load_distros(config=tmp_path / "piuparts.conf").get("stable").distribution == "forky"


def test_a_file_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_distros(tmp_path / "distros.conf")


@given(text=st.text(max_size=300) | st.text(alphabet="[]=\n abuUriNonedepsl", max_size=300))
def test_any_text_loads_or_is_refused_by_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any-distros.conf"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        distros = load_distros(file)
    except ConfigError as error:
        assert error.message
    else:
        assert all(distros.expand(name) for name in distros.stanzas)


_NAMES = st.sampled_from("abcdef")


@given(parents=st.dictionaries(_NAMES, st.lists(_NAMES, max_size=3)))
def test_every_graph_is_expanded_parents_first_or_refused_as_a_cycle(
    tmp_path_factory: pytest.TempPathFactory, parents: dict[str, list[str]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "graph-distros.conf"
    file.write_text("".join(f"[{name}]\ndepends = {' '.join(above)}\n" for name, above in parents.items()))
    try:
        distros = load_distros(file)
    except ConfigError as error:
        assert "depends on itself" in error.message
        return
    for name, above in parents.items():
        order = names(distros, name)
        assert order[-1] == name
        assert all(order.index(parent) < order.index(name) for parent in above)
