"""Snapshots of the archive: swapped in whole, read back as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store import StoreError
from piufarm.store.model import ComputedState, Dependency, IndexPackage, Relation, Store
from tests.core.store.builders import HOUR, NOON, SID, fill, make_candidates, package, result


def test_an_unknown_section_is_empty_and_no_error(store: Store) -> None:
    assert store.section(SID) is None
    assert list(store.packages(SID)) == []
    assert store.package(SID, Package("hello")) is None
    assert store.reserve(SID, owner=None, now=NOON, deadline=NOON + HOUR) is None
    assert not store.evaluation_due(SID)
    assert set(store.counts(SID).values()) == {0}
    assert store.reservations(SID) == []


def test_a_snapshot_is_read_back_as_it_was_written(store: Store) -> None:
    assert fill(store, package("b", "2"), package("a", "1:2~3+b1")) == 1
    first, second = store.packages(SID)
    assert (first.name, first.version, first.source, first.maintainer) == (
        Package("a"),
        Version("1:2~3+b1"),
        Package("src-a"),
        "A Person <a@example.org>",
    )
    assert second.name == Package("b")
    assert first.state is PackageState.UNKNOWN
    assert first.reason
    row = store.section(SID)
    assert row is not None
    assert (row.generation, row.refreshed_at, row.index_digest, row.index_size) == (1, NOON, "digest", 2)
    assert store.sections() == [row]


def test_a_new_snapshot_takes_the_place_of_the_old_one(store: Store) -> None:
    fill(store, package("gone"), package("stays"), package("updated", "1"))
    assert fill(store, package("stays"), package("updated", "2"), package("fresh")) == 2
    assert {row.name: row.version for row in store.packages(SID)} == {"stays": "1", "updated": "2", "fresh": "1"}
    assert store.package(SID, Package("gone")) is None


def test_a_snapshot_brings_the_states_that_were_computed_for_it(store: Store) -> None:
    fill(store, package("a"), package("b"))
    computed = ComputedState(PackageState.WAITING_FOR_DEPENDENCY, "waits for a", 3, 2, 1, (0, 1), retestable=True)
    known = store.circumstances(SID)
    store.replace_packages(
        SID, [package("a"), package("c")], index_digest="", now=NOON, states={Package("c"): computed}, evaluated=known
    )
    assert not store.evaluation_due(SID)
    assert {node.name: node.stored for node in store.snapshot(SID).nodes}["c"] == computed
    assert {row.name: row.state for row in store.packages(SID)} == {
        "a": PackageState.UNKNOWN, "c": PackageState.WAITING_FOR_DEPENDENCY,
    }  # fmt: skip


def test_a_result_that_came_after_the_circumstances_were_read_makes_an_evaluation_due(store: Store) -> None:
    fill(store, package("a"))
    ready = {Package("a"): ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready", 2, 1)}
    known = store.circumstances(SID)
    store.record_run(SID, result("a"))
    store.replace_packages(SID, [package("a")], index_digest="", now=NOON, states=ready, evaluated=known)
    assert [row.state for row in store.packages(SID)] == [PackageState.SUCCESSFULLY_TESTED]
    assert store.evaluation_due(SID)


def test_what_is_held_when_a_snapshot_comes_stays_held(store: Store) -> None:
    ready = {Package("a"): ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready", 2, 1)}
    for _ in range(2):
        store.replace_packages(
            SID, [package("a")], index_digest="", now=NOON, states=ready, evaluated=store.circumstances(SID)
        )
        held = store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
    assert held is None
    assert [held.package for held in store.reservations(SID)] == ["a"]


def test_a_snapshot_that_fails_half_way_changes_nothing(store: Store) -> None:
    fill(store, package("old"))

    def broken() -> Iterator[IndexPackage]:
        yield from (package(f"p{number}") for number in range(1500))
        raise OSError("the archive went away")

    with pytest.raises(OSError, match="went away"):
        store.replace_packages(SID, broken(), index_digest="new", now=NOON)
    assert [row.name for row in store.packages(SID)] == ["old"]
    row = store.section(SID)
    assert row is not None
    assert (row.generation, row.index_digest) == (1, "digest")
    assert fill(store, package("next")) == 3  # what the broken one staged is thrown away
    assert [row.name for row in store.packages(SID)] == ["next"]


def test_a_refresh_that_was_overtaken_gives_way_to_the_newer_one(
    store: Store, another_store: Callable[[], Store]
) -> None:
    def overtaken() -> Iterator[IndexPackage]:
        fill(another_store(), package("newer"))
        yield package("older")

    with pytest.raises(StoreError, match="overtaken"):
        store.replace_packages(SID, overtaken(), index_digest="older", now=NOON)
    assert [row.name for row in store.packages(SID)] == ["newer"]


def test_a_result_that_arrives_while_a_snapshot_is_staged_is_not_forgotten(
    store: Store, another_store: Callable[[], Store]
) -> None:
    fill(store, package("a"))
    make_candidates(store, a=1)

    def staged() -> Iterator[IndexPackage]:
        another_store().record_run(SID, result("a"))
        yield package("a")

    store.replace_packages(SID, staged(), index_digest="new", now=NOON)
    row = store.package(SID, Package("a"))
    assert row is not None
    assert row.state is PackageState.SUCCESSFULLY_TESTED
    assert store.reserve(SID, owner=None, now=NOON, deadline=NOON + HOUR) is None


def test_dependencies_come_back_with_the_alternative_that_is_followed(store: Store) -> None:
    fill(store, package("a", depends="b | c, !d, e"), package("b"))
    plain = (
        Dependency((Relation(Package("b")), Relation(Package("c"))), pre=False, chosen=Package("b")),
        Dependency((Relation(Package("e")),), pre=False, chosen=Package("e")),
        Dependency((Relation(Package("d")),), pre=True, chosen=Package("d")),
    )
    assert store.dependencies(SID, Package("a")) == plain
    computed = ComputedState(PackageState.WAITING_FOR_DEPENDENCY, "waits for c", chosen=(1, 0, 0))
    store.set_states(SID, {Package("a"): computed}, evaluated=store.snapshot(SID))
    assert store.dependencies(SID, Package("a"))[0].chosen == "c"
    assert store.dependencies(SID, Package("b")) == ()
    assert [(name, len(clauses)) for name, clauses in store.all_dependencies(SID)] == [("a", 3), ("b", 0)]


def test_reverse_dependencies_are_all_that_mention_a_name(store: Store) -> None:
    fill(store, package("x", depends="lib | other"), package("y", depends="!lib"), package("lib"))
    assert store.reverse_dependencies(SID, Package("lib")) == ["x", "y"]
    assert store.reverse_dependencies(SID, Package("other")) == ["x"]
    assert store.reverse_dependencies(SID, Package("x")) == []


def test_providers_are_listed_by_what_they_provide(store: Store) -> None:
    fill(store, package("postfix", provides="mta smtpd"), package("exim", provides="mta"), package("hello"))
    assert store.providers(SID) == {"mta": ["exim", "postfix"], "smtpd": ["postfix"]}


def test_packages_outside_the_globs_are_known_but_neither_listed_nor_counted(store: Store) -> None:
    fill(store, package("hello", depends="libc6"), package("libc6", listed=False))
    assert [row.name for row in store.packages(SID)] == ["hello"]
    assert sum(store.counts(SID).values()) == 1
    outside = store.package(SID, Package("libc6"))
    assert outside is not None
    assert not outside.listed
    assert [name for name, _ in store.all_dependencies(SID)] == ["hello"]
    assert {node.name: node.listed for node in store.snapshot(SID).nodes} == {"hello": True, "libc6": False}


def test_sections_do_not_see_each_other(store: Store) -> None:
    other = SectionName("tarball/sid")
    fill(store, package("a"))
    store.replace_packages(other, [package("b")], index_digest="", now=NOON)
    store.record_run(other, result("a", outcome=Outcome.FAIL))
    assert [row.name for row in store.packages(SID)] == ["a"]
    assert [row.name for row in store.packages(other)] == ["b"]
    assert list(store.runs(SID)) == []


def test_packages_can_be_read_while_others_are_written(store: Store) -> None:
    fill(store, *(package(f"p{number:04}") for number in range(2000)))
    names = []
    for row in store.packages(SID):
        names.append(row.name)
        if len(names) == 1:
            fill(store, package("all-new"))
    assert len(names) == 2000
    assert [row.name for row in store.packages(SID)] == ["all-new"]
