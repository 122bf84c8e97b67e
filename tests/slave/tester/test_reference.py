from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.state.packages import InstalledPackage, parse_remains
from piufarm.slave.tester.state.tree import Tree
from tests.slave.tester.memory import Node, answered, bench, file
from tests.slave.tester.test_tree import TREES, changed, entries


def whole(tree: Tree) -> dict[str, Entry]:
    return dict(tree.items())


@given(TREES, TREES, TREES)
def test_two_moments_of_one_base_differ_where_their_whole_trees_differ(
    base: dict[str, Node], then: dict[str, Node], now: dict[str, Node]
) -> None:
    image = entries(base)
    earlier = Tree(image, changed(image, entries(then)))
    later = Tree(image, changed(image, entries(now)))
    found = earlier.differences(later)
    assert (dict(found.before), dict(found.after)) == (
        {path: entry for path, entry in whole(earlier).items() if whole(later).get(path) != entry},
        {path: entry for path, entry in whole(later).items() if whole(earlier).get(path) != entry},
    )


@given(TREES, TREES)
def test_moments_of_different_bases_can_be_compared_too(then: dict[str, Node], now: dict[str, Node]) -> None:
    found = Tree(entries(then)).differences(Tree(entries(now)))
    assert found.before == changed(entries(then), entries(now)).before
    assert found.after == changed(entries(then), entries(now)).after


def test_a_moment_of_the_test_is_what_a_later_one_is_compared_with(tmp_path: Path) -> None:
    made = bench(tmp_path, lambda _, argv: answered(argv) if argv[0] == "dpkg-query" else None)
    made.chroot.add({"/etc/before": file("x")})
    made.examination.execute("true")
    moment = made.examination.present_state()
    made.chroot.add({"/etc/after": file("y")})
    made.examination.execute("true")
    with made.examination.measured_against(moment):
        assert list(made.examination.comparison().new) == ["/etc/after"]
    assert list(made.examination.comparison().new) == ["/etc/after", "/etc/before"]


def test_time_inside_another_step_is_counted_once(tmp_path: Path) -> None:
    examination = bench(tmp_path).examination
    with examination.timed("outer"), examination.timed("inner"):
        pass
    with examination.timed("outer"):
        pass
    assert list(examination.timings) == ["outer", "inner"]
    assert all(seconds >= 0 for seconds in examination.timings.values())


def test_packages_of_which_only_configuration_files_remain_are_known() -> None:
    status = (
        b"Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"
        b"Package: b\nStatus: deinstall ok config-files\nMulti-Arch: same\nArchitecture: amd64\nVersion: 2\n"
        b"Conffiles:\n /etc/b 0123\nDescription: has config-files\n more\n\n"
    )
    assert parse_remains(status) == {"b:amd64": InstalledPackage("b:amd64", "2", "deinstall", "config-files")}
    assert parse_remains(None) == {}


@given(st.binary() | st.text(alphabet="Status: deinstall ok config-files\nPackage").map(str.encode))
def test_no_status_file_is_too_odd(content: bytes) -> None:
    for name, package in parse_remains(content).items():
        assert name == package.name
