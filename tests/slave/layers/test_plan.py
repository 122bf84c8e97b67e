"""Which layers a batch gets, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.layers.closure import Deb
from piufarm.slave.layers.plan import (
    LAYER_SECONDS,
    MEGABYTE_SECONDS,
    Planned,
    best_way,
    comes_the_same,
    plan,
)

_LARGE = int(3 * LAYER_SECONDS / MEGABYTE_SECONDS * 1_000_000)


def deb(name: str, size: int = 1000, needs: Sequence[Sequence[str]] = ()) -> Deb:
    return Deb(name, "1", "all", size, f"http://mirror/{name}.deb", "", needs)


def closures(needs: Mapping[str, Sequence[str]], size: int = _LARGE) -> dict[str, list[Deb]]:
    """Packages that need every one of these."""
    return {
        package: [deb(package, needs=[[name] for name in names]), *(deb(name, size) for name in names)]
        for package, names in needs.items()
    }


def test_what_several_packages_need_becomes_a_layer() -> None:
    planned = {item.package: item for item in plan(closures({"a": ["perl"], "b": ["perl"], "c": []}))}
    assert planned["a"].layers == planned["b"].layers == ({"perl": "1"},)
    assert planned["c"].layers == ()


def test_what_one_package_alone_needs_is_no_layer() -> None:
    (planned,) = plan(closures({"a": ["perl"]}))
    assert planned.layers == ()


def test_what_is_installed_faster_than_a_layer_is_made_is_none() -> None:
    assert all(not item.layers for item in plan(closures({"a": ["tiny"], "b": ["tiny"]}, size=1000)))


def test_layers_lie_on_each_other() -> None:
    planned = {item.package: item.layers for item in plan(closures({
        "a": ["libc", "gtk"], "b": ["libc", "gtk"], "c": ["libc"], "d": ["libc"],
    }))}  # fmt: skip
    assert planned["a"] == ({"libc": "1"}, {"gtk": "1"})
    assert planned["c"] == ({"libc": "1"},)


def test_packages_with_equal_layers_follow_each_other() -> None:
    order = [item.layers for item in plan(closures({
        "a": ["perl"], "b": ["ruby"], "c": ["perl"], "d": ["ruby"], "e": ["perl"],
    }))]  # fmt: skip
    changes = sum(one != other for one, other in itertools.pairwise(order))
    assert changes == 1


def test_a_package_is_never_a_part_of_its_own_layers() -> None:
    for item in plan(closures({"perl": ["libc"], "a": ["libc", "perl"], "b": ["libc", "perl"]})):
        assert not any(item.package in layer for layer in item.layers)


def test_packages_that_apt_would_not_install_come_last_and_without_layers() -> None:
    planned = plan({"broken": [], **closures({"a": ["perl"], "b": ["perl"]})})
    assert planned[-1].package == "broken"
    assert planned[-1].layers == ()


def test_much_that_two_packages_share_is_a_layer_before_a_little_that_many_share() -> None:
    planned = {item.package: item.layers for item in plan(closures({
        "a": ["r1", "r2", "r3"], "b": ["x", "r1", "r2", "r3"], "c": ["x"], "d": ["x"],
    }))}  # fmt: skip
    assert planned["a"] == planned["b"] == ({"r1": "1", "r2": "1", "r3": "1"},)
    assert planned["c"] == planned["d"] == ({"x": "1"},)


def test_a_layer_that_is_known_serves_a_single_package_and_comes_last() -> None:
    batch = closures({"a": ["perl", "x"], "b": ["ruby"], "c": ["ruby"]})
    planned = plan(batch, [({"perl": "1"}, {"other": "1"})])
    assert [(item.package, item.layers) for item in planned[-1:]] == [("a", ({"perl": "1"},))]
    assert plan(batch, [({"perl": "2"},)])[-1].layers == ()


# As python3-asgiref has it: where neither is there, apt takes the first of the choice, and python comes all the same.
CHOICE = [deb("a", needs=[["extensions", "python"], ["python"]]), deb("extensions", _LARGE), deb("python", _LARGE)]


def test_what_meets_a_choice_that_falls_on_another_one_in_the_base_is_no_layer_for_that_package() -> None:
    batch = {"a": CHOICE, **closures({"b": ["python"], "c": ["python"]})}
    assert {item.package: item.layers for item in plan(batch)} == {
        "a": (), "b": ({"python": "1"},), "c": ({"python": "1"},),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "same"),
    [
        ([], True),
        ([{"python": "1"}], False),
        ([{"extensions": "1"}], True),
        ([{"extensions": "1", "python": "1"}], True),
        ([{"python": "1"}, {"extensions": "1"}], True),
    ],
)
def test_layers_must_not_spare_a_package_what_the_base_alone_would_get(
    layers: list[dict[str, str]], same: bool
) -> None:
    assert comes_the_same("a=1", CHOICE, layers) == same


def test_what_is_needed_by_two_comes_even_if_one_of_them_finds_something_else() -> None:
    debs = [deb("a", needs=[["b", "c"], ["d"]]), deb("b"), deb("c"), deb("d", needs=[["b"]])]
    assert comes_the_same("a", debs, [{"c": "1"}])


def test_layers_that_have_been_made_meanwhile_are_taken_if_they_spare_more() -> None:
    (debs,) = closures({"a": ["perl", "ruby", "gtk"]}).values()
    planned = Planned("a=1", {"a": "1", "perl": "1", "ruby": "1", "gtk": "1"}, ({"perl": "1"},))
    ruby, more, others = {"ruby": "1"}, ({"ruby": "1"}, {"gtk": "1"}), ({"ruby": "2", "gtk": "1", "perl": "1"},)
    assert best_way(planned, debs, []) == ({"perl": "1"},)
    assert best_way(planned, debs, [others]) == ({"perl": "1"},)
    assert best_way(planned, debs, [(ruby,), more, others]) == more


def test_a_package_that_is_part_of_a_layer_never_stands_on_it() -> None:
    (debs,) = closures({"a": ["perl"]}).values()
    planned = Planned("a=1", {"a": "1", "perl": "1"}, ())
    assert best_way(planned, debs, [({"a": "1", "perl": "1"},)]) == ()


NAMES = st.sampled_from("abcdefgh")


NEEDS = st.dictionaries(st.sampled_from(["p", "q", "r", "s", "t"]), st.lists(NAMES, unique=True), min_size=1)
WAYS = st.lists(st.lists(st.dictionaries(NAMES, st.just("1"), min_size=1), min_size=1, max_size=2), max_size=3)


@given(NEEDS, WAYS)
def test_every_package_is_planned_once_and_its_layers_are_part_of_what_it_needs(
    needs: dict[str, list[str]], known: list[list[dict[str, str]]]
) -> None:
    planned = plan(closures(needs), known)
    assert sorted(item.package for item in planned) == sorted(needs)
    for item in planned:
        names = [name for layer in item.layers for name in layer]
        assert len(names) == len(set(names))
        assert set(names) <= set(needs[item.package])


@given(NEEDS)
def test_what_others_need_is_in_a_lower_layer_or_the_same(needs: dict[str, list[str]]) -> None:
    """As with dependencies: let every package that needs x need also all that x needs, the letters before it."""
    closed = {
        package: sorted({c for name in names for c in "abcdefgh" if c <= name}) for package, names in needs.items()
    }
    for item in plan(closures(closed)):
        seen: set[str] = set()
        for layer in item.layers:
            seen |= set(layer)
            assert all(set("abcdefgh"[: "abcdefgh".index(name)]) <= seen for name in layer)
