"""What apt would install for each package of a batch, from the lists of a base."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.errors import FarmError
from piufarm.slave.layers.closure import Deb, closures

_DPKG = "Package: dpkg\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nMaintainer: x\nDescription: x\n"
_BASE = "Package: base\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"


def base(folder: Path, *packages: str, components: str = "main") -> Path:
    """A base whose archive holds `name [field: value; …]`, each of version 1."""
    root = folder / "root"
    for place in ("var/lib/dpkg", "var/lib/apt/lists", "etc/apt"):
        (root / place).mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text(f"{_DPKG}\n{_BASE}\n")
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] http://mirror/debian probe {components}\n")
    lists = root / "var/lib/apt/lists"
    (lists / "mirror_debian_dists_probe_Release").write_text("Suite: probe\n")
    text = "\n".join(_paragraph(package) for package in packages)
    (lists / "mirror_debian_dists_probe_main_binary-amd64_Packages").write_text(text)
    return root


def _paragraph(package: str) -> str:
    name, _, fields = package.partition(" ")
    lines = [
        f"Package: {name}", "Version: 1", "Architecture: all", "Maintainer: x", f"Filename: pool/{name}_1_all.deb",
        "Size: 1000", f"SHA256: {'a' * 64}", *fields.split("; "), "Description: x",
    ]  # fmt: skip
    return "\n".join(line for line in lines if line) + "\n"


def names(debs: list[Deb]) -> set[str]:
    return {deb.name for deb in debs}


def test_everything_that_apt_would_fetch_is_told_with_its_url_and_sum(tmp_path: Path) -> None:
    root = base(tmp_path, "a Depends: b | c", "b Recommends: d", "c", "d", "e")
    found = dict(closures(root, tmp_path / "cache", ["a", "e"]))
    assert names(found["a"]) == {"a", "b", "d"}
    assert found["e"] == [Deb("e", "1", "all", 1000, "http://mirror/debian/pool/e_1_all.deb", "a" * 64)]


def test_of_each_dependency_all_that_meet_it_are_told_unless_the_base_does(tmp_path: Path) -> None:
    root = base(tmp_path, "a Depends: b | c | e, base | c, d", "b", "c", "d Depends: c; Recommends: b", "e")
    found = dict(closures(root, tmp_path / "cache", ["a"]))
    needs = {deb.name: {tuple(clause) for clause in deb.needs} for deb in found["a"]}
    assert needs == {"a": {("b", "c"), ("d",)}, "b": set(), "c": set(), "d": {("c",), ("b",)}}


def test_the_settings_of_the_base_count_and_not_the_hosts(tmp_path: Path) -> None:
    root = base(tmp_path, "a Depends: b | c", "b Recommends: d", "c", "d")
    (root / "etc/apt/apt.conf.d").mkdir()
    (root / "etc/apt/apt.conf.d/lean").write_text('APT::Install-Recommends "false";\n')
    assert names(dict(closures(root, tmp_path / "cache", ["a"]))["a"]) == {"a", "b"}


def test_the_hosts_own_settings_are_back_afterwards(tmp_path: Path) -> None:
    import apt_pkg

    list(closures(base(tmp_path, "a"), tmp_path / "cache", ["a"]))
    assert apt_pkg.config.find_dir("Dir") == "/"


@pytest.mark.parametrize("wanted", ["unknown", "a=2", "virtual", "needs-what-is-not-there", "drives-the-base-out"])
def test_what_apt_would_not_install_has_no_closure_and_spoils_no_other(tmp_path: Path, wanted: str) -> None:
    root = base(
        tmp_path, "a Provides: virtual", "aa Provides: virtual", "needs-what-is-not-there Depends: nothing",
        "drives-the-base-out Conflicts: base",
    )  # fmt: skip
    found = list(closures(root, tmp_path / "cache", ["a", wanted, "a=1"]))
    assert [(package, names(debs)) for package, debs in found] == [("a", {"a"}), (wanted, set()), ("a=1", {"a"})]


def test_a_base_without_dpkg_is_no_base_to_plan_with(tmp_path: Path) -> None:
    root = base(tmp_path, "a")
    (root / "var/lib/dpkg/status").write_text(_BASE)
    with pytest.raises(FarmError, match="dpkg is not installed"):
        list(closures(root, tmp_path / "cache", ["a"]))


def test_lists_that_nobody_can_read_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="cannot plan with the package lists"):
        list(closures(tmp_path / "nowhere", tmp_path / "cache", ["a"]))


_CLAUSES = st.lists(st.sampled_from(["p0", "p1", "p2", "p3", "p4", "p0 | p1", "p5 | p2", "p9", "base"]), max_size=3)


@settings(max_examples=25, deadline=None)
@given(needs=st.lists(_CLAUSES, min_size=6, max_size=6), conflict=st.sampled_from(["", "p1", "p2", "base"]))
def test_the_choice_for_one_package_is_undone_before_the_next(
    tmp_path_factory: pytest.TempPathFactory, needs: list[list[str]], conflict: str
) -> None:
    folder = tmp_path_factory.mktemp("base")
    fields = [f"Depends: {', '.join(clauses)}" if clauses else "" for clauses in needs]
    if conflict:
        fields[5] += f"{'; ' if fields[5] else ''}Conflicts: {conflict}"
    root = base(folder, *(f"p{number} {field}".strip() for number, field in enumerate(fields)))
    wanted = [f"p{number}" for number in range(6)]
    forth, back = (list(closures(root, folder / "cache", order)) for order in (wanted, wanted[::-1]))
    assert dict(forth) == dict(back)
