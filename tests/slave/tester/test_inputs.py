from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.debs import DebSpec, build
from piufarm.errors import UsageError
from piufarm.run import run
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.inputs import Group, TestedPackage, resolve


def groups(*operands: str | Path, apt: bool = False, **options: bool) -> list[list[str]]:
    found = resolve(Options(tuple(map(str, operands)), apt=apt, **options))  # type: ignore[arg-type]
    return [[package.wanted for package in group.packages] for group in found]


def problem_of(path: Path) -> str:
    """Why a file cannot be tested; it is still in its group."""
    (group,) = resolve(Options((str(path),)))
    assert group.title == path.name
    return group.problem


def changes(directory: Path, name: str, *debs: str) -> Path:
    path = directory / f"{name}.changes"
    lines = "".join(f" 0123 1 misc optional {deb}\n" for deb in debs)
    path.write_text(f"Format: 1.8\nSource: {name}\nFiles:\n{lines}")
    return path


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the .debs of a, b and c."""
    directory = tmp_path_factory.mktemp("debs")
    for name in "abc":
        build(DebSpec(f"p-{name}", version="1:2-3"), directory)
    return directory


def test_names_are_one_group_and_versions_are_cut_off_for_queries() -> None:
    (group,) = resolve(Options(("hello", "world=1.0", "libc6:amd64", "new/experimental", "gone=None"), apt=True))
    assert group == Group((
        TestedPackage("hello", "hello"),
        TestedPackage("world=1.0", "world", "1.0"),
        TestedPackage("libc6:amd64", "libc6:amd64"),
        TestedPackage("new/experimental", "new"),
        TestedPackage("gone=None", "gone", "None"),
    ))
    assert [package.disappears for package in group.packages] == [False, False, False, False, True]
    assert group.packages[2].plain_name == "libc6"


def test_files_are_known_by_what_they_hold_and_not_by_their_names(debs: Path, tmp_path: Path) -> None:
    (tmp_path / "strange name.deb").write_bytes((debs / "p-a_2-3_all.deb").read_bytes())
    (group,) = resolve(Options((str(tmp_path / "strange name.deb"),)))
    assert group.packages == (
        TestedPackage("p-a=1:2-3", "p-a", "1:2-3", tmp_path / "strange name.deb", "all"),
    )


def test_a_description_cannot_change_the_name(tmp_path: Path) -> None:
    spec = DebSpec("p-real", fields={"Description": "x\n Package: p-hijacked\n Version: 666"})
    assert groups(build(spec, tmp_path)) == [["p-real=1"]]


def test_each_changes_file_is_a_group_before_the_others(debs: Path) -> None:
    one = changes(debs, "one", "p-a_2-3_all.deb", "p-a_2-3.dsc", "x_1_all.udeb")
    assert groups(debs / "p-c_2-3_all.deb", one, changes(debs, "two", "p-b_2-3_all.deb")) == [
        ["p-a=1:2-3"], ["p-b=1:2-3"], ["p-c=1:2-3"]
    ]


def test_all_changes_files_can_be_one_group(debs: Path) -> None:
    one, two = changes(debs, "one", "p-a_2-3_all.deb"), changes(debs, "two", "p-b_2-3_all.deb")
    assert groups(one, two, debs / "p-c_2-3_all.deb", single_changes_list=True) == [
        ["p-c=1:2-3", "p-a=1:2-3", "p-b=1:2-3"]
    ]


def test_packages_can_be_groups_of_their_own(debs: Path) -> None:
    one = changes(debs, "one", "p-a_2-3_all.deb", "p-b_2-3_all.deb")
    assert groups(one, single_packages=True) == [["p-a=1:2-3", "p-b=1:2-3"]]
    assert groups("x", "y", apt=True, single_packages=True) == [["x"], ["y"]]


def test_a_changes_file_without_packages_is_refused(debs: Path) -> None:
    with pytest.raises(UsageError, match=r"lists no \.deb"):
        groups(changes(debs, "source", "x.dsc"))
    (debs / "empty.changes").write_text("")
    with pytest.raises(UsageError, match=r"lists no \.deb"):
        groups(debs / "empty.changes")
    with pytest.raises(UsageError, match="cannot read"):
        groups(debs / "missing.changes")


def test_a_changes_file_cannot_name_files_elsewhere(debs: Path) -> None:
    with pytest.raises(UsageError, match="outside its directory"):
        groups(changes(debs, "evil", "../../etc/x.deb"))


_MEMBER = b"debian-binary".ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"100644  "
_NO_CONTROL = b"!<arch>\n" + _MEMBER + b"4         `\n2.0\n"


@pytest.mark.parametrize("content", [b"", b"text", b"!<arch>\n", _NO_CONTROL])
def test_what_is_no_package_is_a_bad_one(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.deb").write_bytes(content)
    assert "x.deb is not a readable Debian package" in problem_of(tmp_path / "x.deb")


def test_a_package_that_is_cut_off_is_a_bad_one(debs: Path, tmp_path: Path) -> None:
    content = (debs / "p-a_2-3_all.deb").read_bytes()
    (tmp_path / "x.deb").write_bytes(content[:200])
    assert problem_of(tmp_path / "x.deb")


def test_a_link_to_itself_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop.deb").symlink_to("loop.deb")
    with pytest.raises(UsageError, match="no such file"):
        groups(tmp_path / "loop.deb")


def test_a_missing_file_gets_a_hint_if_it_looks_like_a_name() -> None:
    with pytest.raises(UsageError, match="no such file: hello") as error:
        groups("hello")
    assert "--apt" in (error.value.hint or "")


@pytest.mark.parametrize("operand", ["-y", "", "=1", "a b", "a\n", "/sid", ":amd64"])
def test_what_apt_could_misunderstand_is_no_name(operand: str) -> None:
    with pytest.raises(UsageError, match="not a package name"):
        groups(operand, apt=True)


@given(st.text())
def test_any_operand_is_a_package_or_refused(operand: str) -> None:
    try:
        found = groups(operand, apt=True) if not operand.endswith(".changes") else [[operand]]
    except UsageError:
        return
    assert found == [[operand]]
    assert not operand.startswith("-")


def test_a_package_whose_name_is_not_utf8_is_a_bad_one(tmp_path: Path) -> None:
    control = tmp_path / "root/DEBIAN/control"
    control.parent.mkdir(parents=True)
    control.write_bytes(b"Package: b\xe9d\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n")
    run(["dpkg-deb", "--nocheck", "-b", tmp_path / "root", tmp_path / "bad.deb"])
    assert "not a readable Debian package" in problem_of(tmp_path / "bad.deb")


def test_a_bad_package_spoils_its_group_and_no_other(debs: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.deb").write_bytes(b"")
    found = resolve(Options((str(debs / "p-a_2-3_all.deb"), str(tmp_path / "bad.deb")), single_packages=True))
    assert [bool(group.problem) for group in found] == [False, True]
    (together,) = resolve(Options((str(debs / "p-a_2-3_all.deb"), str(tmp_path / "bad.deb"))))
    assert "bad.deb" in together.problem
    assert len(together.packages) == 2


def test_a_file_counts_once_however_it_is_named(debs: Path) -> None:
    one, two = debs / "p-a_2-3_all.deb", debs / "p-b_2-3_all.deb"
    assert groups(one, one, one.parent / ".." / one.parent.name / one.name) == [["p-a=1:2-3"]]
    assert groups(two, one, two) == [["p-b=1:2-3", "p-a=1:2-3"]]


def test_only_one_file_of_a_package_can_be_installed_so_two_are_not_tested_together(
    debs: Path, tmp_path: Path
) -> None:
    one, other = debs / "p-a_2-3_all.deb", tmp_path / "p-a_2-3_all.deb"
    other.write_bytes(one.read_bytes())
    for second in (other, build(DebSpec("p-a", version="4"), tmp_path)):
        with pytest.raises(UsageError, match="2 files of the package p-a:all") as error:
            groups(one, second)
        assert "--single-packages" in (error.value.hint or "")
        assert len(groups(one, second, single_packages=True)) == 2


def test_a_package_for_all_architectures_and_one_for_a_single_one_exclude_each_other(tmp_path: Path) -> None:
    files = [build(DebSpec("p-either", architecture=name), tmp_path) for name in ("amd64", "all")]
    with pytest.raises(UsageError, match="files of the package p-either for all and amd64") as error:
        groups(*files)
    assert "--single-packages" in (error.value.hint or "")
    assert len(groups(*files, single_packages=True)) == 2


def test_a_package_for_several_architectures_has_a_file_for_each(tmp_path: Path) -> None:
    files = [build(DebSpec("p-both", architecture=name), tmp_path) for name in ("amd64", "i386")]
    assert groups(*files) == [["p-both=1", "p-both=1"]]


@given(st.one_of(st.binary(), st.text(alphabet="Files: \n.debx1\t-=ü", max_size=60).map(str.encode)))
def test_any_file_is_a_changes_file_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x.changes"
        path.write_bytes(content)
        with pytest.raises(UsageError) as error:
            groups(path)
    assert error.value.message
