from __future__ import annotations

from hypothesis import given

from piufarm.slave.chroot.interface import Changes, Entry
from piufarm.slave.tester.state.compare import Comparison, compare
from piufarm.slave.tester.state.diversions import parse_diversions
from piufarm.slave.tester.state.identities import Identities
from piufarm.slave.tester.state.tree import Tree
from tests.slave.tester.memory import Node, directory, file, link, with_parents
from tests.slave.tester.test_tree import TREES, changed, entries

PEOPLE = Identities.parse(b"root:x:0:0:::\ndaemon:x:1:1:::\n", b"root:x:0:\ndaemon:x:1:\n")


def differences(
    before: dict[str, Node], after: dict[str, Node], then: Identities = PEOPLE, now: Identities = PEOPLE
) -> Comparison:
    old = {path: node.entry for path, node in with_parents(before).items()}
    new = {path: node.entry for path, node in with_parents(after).items()}
    return compare(Tree(old), Tree(old, changed(old, new)), then, now)


def test_new_removed_and_modified_paths_are_told_apart() -> None:
    found = differences(
        {"/etc/gone": file(), "/etc/kept": file("a"), "/d": directory()},
        {"/etc/kept": file("ab"), "/etc/come": file(), "/d": directory(mode=0o700)},
    )
    assert (list(found.new), list(found.removed), list(found.modified)) == (
        ["/etc/come"], ["/etc/gone"], ["/d/", "/etc/kept"]
    )


def test_content_and_time_alone_are_no_difference() -> None:
    old, new = file("a").entry, file("b").entry._replace(mtime_ns=5)
    base = {"/": directory().entry, "/x": old}
    found = compare(Tree(base), Tree(base, Changes({"/x": old}, {"/x": new})), PEOPLE, PEOPLE)
    assert found == Comparison({}, {}, {})


def test_a_change_says_what_was_expected_and_what_was_found() -> None:
    change = differences({"/x": file("abc")}, {"/x": file("abcde", mode=0o600, uid=1)}).modified["/x"]
    assert str(change.expected) == "(root, root, - 100644, 3, None)"
    assert str(change.found) == "(daemon, root, - 100600, 5, None)"


def test_a_directory_that_became_a_link_is_removed_and_new() -> None:
    found = differences({"/d": directory()}, {"/d": link("/nowhere")})
    assert (list(found.new), list(found.removed)) == (["/d"], ["/d/"])


def test_a_new_link_to_a_directory_of_the_base_is_not_compared() -> None:
    found = differences({"/usr/share/doc": directory()},
                        {"/usr/share/doc": directory(), "/a": link("/usr/share/doc"), "/b": link("usr/share/doc")})
    assert list(found.new) == []


def test_an_absolute_link_to_a_directory_that_the_test_brought_is_compared() -> None:
    found = differences({}, {"/d": directory(), "/absolute": link("/d"), "/relative": link("d")})
    assert list(found.new) == ["/absolute", "/d/"]


def test_runlevel_links_that_change_their_number_cancel_out() -> None:
    found = differences({"/etc/rc2.d/S20cron": link("../init.d/cron")}, {"/etc/rc2.d/S01cron": link("../init.d/cron")})
    assert found == Comparison({}, {}, {})


def test_runlevel_links_that_change_from_start_to_kill_cancel_out_too() -> None:
    found = differences({"/etc/rc2.d/S20cron": link("x")}, {"/etc/rc2.d/K01cron": link("x")})
    assert found == Comparison({}, {}, {})


def test_runlevel_links_of_another_level_or_name_do_not() -> None:
    found = differences({"/etc/rc2.d/S20cron": link("x")}, {"/etc/rc3.d/S20cron": link("x")})
    assert (list(found.new), list(found.removed)) == (["/etc/rc3.d/", "/etc/rc3.d/S20cron"],
                                                      ["/etc/rc2.d/", "/etc/rc2.d/S20cron"])


def test_what_apt_clean_would_remove_is_not_new() -> None:
    found = differences({}, {"/var/cache/apt/archives/x_1_all.deb": file(), "/var/cache/apt/archives/x.txt": file()})
    assert "/var/cache/apt/archives/x_1_all.deb" not in found.new
    assert "/var/cache/apt/archives/x.txt" in found.new


def test_a_file_whose_owner_is_forgotten_is_modified() -> None:
    now = Identities.parse(b"root:x:0:0:::\n", b"root:x:0:\ndaemon:x:1:\n")
    found = differences({"/x": file(uid=1)}, {"/x": file(uid=1)}, now=now)
    assert str(found.modified["/x"].found) == "(#1, root, - 100644, 0, None)"


def test_a_line_that_is_no_account_is_passed_over() -> None:
    assert Identities.parse(b"nonsense\nx:y:z\n\nroot:x:0:0\nroot2:x:0:0\n", None) == Identities({0: "root"}, {})


def reference(old: dict[str, Entry], new: dict[str, Entry]) -> tuple[set[str], set[str]]:
    """The same by two whole trees of entries without links."""
    keys = [{path + "/" * (entry.mode == directory().entry.mode and path != "/") for path, entry in tree.items()}
            for tree in (old, new)]
    return keys[1] - keys[0], keys[0] - keys[1]


@given(TREES, TREES)
def test_comparing_changes_is_comparing_trees(base: dict[str, Node], now: dict[str, Node]) -> None:
    old = {path: entry for path, entry in entries(base).items() if entry.target is None}
    new = {path: entry for path, entry in entries(now).items() if entry.target is None}
    found = compare(Tree(old), Tree(old, changed(old, new)), PEOPLE, PEOPLE)
    assert (set(found.new), set(found.removed)) == reference(old, new)


def test_accounts_with_absurd_numbers_are_passed_over() -> None:
    known = Identities.parse(b"root:x:0:0:::\nbig:x:" + b"9" * 5000 + b":0:::\nodd:x:\xd9\xa1:0:::\n", None)
    assert known.users == {0: "root"}


def test_a_line_of_passwd_ends_in_a_newline_and_nothing_else() -> None:
    known = Identities.parse("a:x:5:0:one\x85two\u2028x:y:0:0::/:\n".encode(), None)
    assert known.users == {5: "a"}


def test_a_diversion_of_a_name_with_a_line_separator_is_one_diversion() -> None:
    (found,) = parse_diversions("/a\x85b\n/a\x85b.distrib\nprobe\n".encode())
    assert found.package == "probe"
    assert parse_diversions(b"") == parse_diversions(None) == ()


def test_every_link_is_compared_if_so_asked() -> None:
    old = {path: node.entry for path, node in with_parents({"/usr/share/doc": directory(), "/x": link("usr")}).items()}
    nodes = {"/usr/share/doc": directory(), "/a": link("/usr/share/doc"), "/x": link("usr/share")}
    new = {path: node.entry for path, node in with_parents(nodes).items()}
    found = compare(Tree(old), Tree(old, changed(old, new)), PEOPLE, PEOPLE, every_link=True)
    assert (list(found.new), list(found.modified)) == (["/a"], ["/x"])


@given(TREES, TREES)
def test_comparing_every_link_finds_all_that_is_found_otherwise(base: dict[str, Node], now: dict[str, Node]) -> None:
    old, new = entries(base), entries(now)
    trees = Tree(old), Tree(old, changed(old, new))
    some = compare(*trees, PEOPLE, PEOPLE)
    every = compare(*trees, PEOPLE, PEOPLE, every_link=True)
    assert every.new.keys() | every.modified.keys() >= some.new.keys()
    assert every.removed.keys() | every.modified.keys() >= some.removed.keys()


@given(TREES, TREES)
def test_a_tree_and_itself_do_not_differ_and_there_and_back_is_the_opposite(
    base: dict[str, Node], now: dict[str, Node]
) -> None:
    old, new = entries(base), entries(now)
    there = compare(Tree(old), Tree(old, changed(old, new)), PEOPLE, PEOPLE, every_link=True)
    back = compare(Tree(new), Tree(new, changed(new, old)), PEOPLE, PEOPLE, every_link=True)
    assert compare(Tree(old), Tree(old), PEOPLE, PEOPLE) == Comparison({}, {}, {})
    assert (there.new, there.removed) == (back.removed, back.new)
    assert there.modified.keys() == back.modified.keys()
