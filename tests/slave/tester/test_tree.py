from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.chroot.interface import Changes, Entry
from piufarm.slave.chroot.tree import index_tree
from piufarm.slave.tester.state.links import LinkIndex
from piufarm.slave.tester.state.tree import Tree
from tests.slave.tester.memory import Node, directory, file, link, with_parents

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
TARGETS = st.one_of(PATHS, st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join))
NODES = st.one_of(st.just(file()), st.just(directory()), TARGETS.map(link))
TREES = st.dictionaries(PATHS, NODES, max_size=8)


def entries(nodes: dict[str, Node]) -> dict[str, Entry]:
    """A consistent tree: what lies below something that is no directory is left out."""
    kept: dict[str, Node] = {"/": directory()}
    for path in sorted(nodes):
        parts = path.split("/")[1:]
        above = ["/" + "/".join(parts[:depth]) for depth in range(1, len(parts))]
        if all(kept.setdefault(parent, directory()).entry.mode == directory().entry.mode for parent in above):
            kept[path] = nodes[path]
    return {path: node.entry for path, node in kept.items()}


def changed(before: dict[str, Entry], after: dict[str, Entry]) -> Changes:
    return Changes(
        {path: entry for path, entry in before.items() if after.get(path) != entry},
        {path: entry for path, entry in after.items() if before.get(path) != entry},
    )


def test_links_are_followed_inside_the_root() -> None:
    tree = Tree({path: node.entry for path, node in with_parents(
        {"/usr/bin/sh": file(), "/bin": link("usr/bin"), "/etc/x": link("/bin/../bin/./sh"), "/up": link("../../usr")}
    ).items()})
    assert tree.resolve("/etc/x").path == "/usr/bin/sh"
    assert dict(tree.resolve("/etc/x").links) == {"/etc/x": "/bin/../bin/./sh", "/bin": "usr/bin"}
    assert tree.resolve("/up").path == "/usr"
    assert tree.resolves_to_directory("/up")


def test_a_loop_leads_nowhere_and_is_called_one() -> None:
    tree = Tree({path: node.entry for path, node in with_parents({"/a": link("b"), "/b": link("a")}).items()})
    resolution = tree.resolve("/a")
    assert (resolution.exists, resolution.is_loop) == (False, True)


def test_what_lies_below_our_mounts_counts_as_existing() -> None:
    tree = Tree({path: node.entry for path, node in with_parents({"/etc/mtab": link("../proc/self/mounts")}).items()})
    assert tree.resolve("/etc/mtab").exists


@given(TREES)
def test_paths_resolve_as_the_kernel_resolves_them(nodes: dict[str, Node]) -> None:
    """Only relative links that stay inside: those the kernel resolves the same without a chroot."""
    whole = entries(nodes)
    tree = {path: entry for path, entry in whole.items() if entry.target is None or not entry.target.startswith("/")}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for path, entry in sorted(tree.items()):
            _make(root / path[1:], entry)
        descriptor = os.open(root, os.O_RDONLY)
        indexed = index_tree(descriptor)
        os.close(descriptor)
        for path in indexed:
            real = os.path.realpath(root / path[1:])
            if real == str(root) or real.startswith(f"{root}/"):
                assert Tree(indexed).resolve(path).exists == (root / path[1:]).exists()


def _make(place: Path, entry: Entry) -> None:
    if place.exists():
        return
    if entry.target is not None:
        place.symlink_to(entry.target)
    elif entry.mode == directory().entry.mode:
        place.mkdir()
    else:
        place.touch()


@given(TREES, TREES)
def test_looking_only_at_touched_links_finds_the_same_as_looking_at_all(
    base: dict[str, Node], now: dict[str, Node]
) -> None:
    before, after = entries(base), entries(now)
    tree = Tree(before, changed(before, after))
    all_broken = {path for path, _ in Tree(after).symlinks() if not Tree(after).resolve(path).exists}
    assert set(LinkIndex(Tree(before)).broken(tree)) == all_broken


@given(TREES, TREES)
def test_base_and_changes_are_the_tree_after(base: dict[str, Node], now: dict[str, Node]) -> None:
    before, after = entries(base), entries(now)
    tree = Tree(before, changed(before, after))
    assert all(tree.get(path) == after.get(path) for path in before.keys() | after.keys())
    assert dict(tree.symlinks()) == dict(Tree(after).symlinks())
