"""Sections that look names up in other sections: refreshed in that order, and evaluated when those have changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from demo.debs import DebSpec
from piufarm.master.refresh.section_order import in_order, looked_into, lookers
from piufarm.names import Package, SectionName
from piufarm.states import PackageState
from tests.core.store.builders import result
from tests.master.mirrored import MirroredOffice
from tests.master.office import SID, Office

EXP = SectionName("exp")
_BOTH = "[exp]\ndistro = exp\ndepends-sections = sid\n[sid]\ndistro = sid\n"


def _publish(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("base", "2"), DebSpec("only-in-sid"))
    mirrored.publish(
        DebSpec("base", "1"), DebSpec("app", depends="only-in-sid"), DebSpec("newlib", depends="base"), suite="exp"
    )


def _refreshed(mirrored: MirroredOffice, text: str = _BOTH) -> None:
    _publish(mirrored)
    mirrored.write_sections(text)
    completed = mirrored.refresh("exp", "sid")
    assert completed.status == 0, completed.stderr


def test_a_section_is_refreshed_after_those_that_it_looks_into(mirrored: MirroredOffice) -> None:
    _publish(mirrored)
    mirrored.write_sections(_BOTH)
    lines = mirrored.refresh("exp", "sid").stdout.decode().splitlines()
    assert [line for line in lines if "reading" in line] == ["sid: reading sid", "exp: reading exp"]
    assert mirrored.state("base", EXP) is PackageState.OUTDATED
    assert mirrored.state("app", EXP) is PackageState.WAITING_FOR_DEPENDENCY
    assert mirrored.state("newlib", EXP) is PackageState.WAITING_FOR_DEPENDENCY


def test_a_result_in_the_other_section_makes_an_evaluation_due_and_is_followed(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored)
    store = mirrored.office.store
    assert not store.evaluation_due(EXP)
    store.record_run(SID, result("only-in-sid"))
    assert store.evaluation_due(EXP)
    assert b"exp: " in mirrored.office.command("evaluate", "sid").stdout
    assert mirrored.state("app", EXP) is PackageState.WAITING_TO_BE_TESTED
    assert not store.evaluation_due(EXP)


def test_a_refresh_of_the_other_section_alone_is_followed(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored)
    mirrored.publish(DebSpec("base", "1"), DebSpec("only-in-sid"))
    assert mirrored.refresh("sid").status == 0
    assert mirrored.state("base", EXP) is PackageState.WAITING_TO_BE_TESTED
    assert not mirrored.office.store.evaluation_due(EXP)


def test_a_result_of_an_outdated_package_stays(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored)
    mirrored.office.store.record_run(EXP, result("base"))
    assert b"retired" not in mirrored.refresh("exp").stdout
    assert mirrored.state("base", EXP) is PackageState.OUTDATED
    mirrored.publish(DebSpec("base", "1"), DebSpec("only-in-sid"))
    mirrored.refresh("sid")
    assert mirrored.state("base", EXP) is PackageState.SUCCESSFULLY_TESTED


def test_what_lies_outside_the_globs_of_the_other_section_is_found_there_and_taken_as_good(
    mirrored: MirroredOffice,
) -> None:
    _refreshed(mirrored, _BOTH + "packages = other-*\n")
    assert mirrored.state("app", EXP) is PackageState.WAITING_TO_BE_TESTED
    assert mirrored.state("base", EXP) is PackageState.OUTDATED
    assert mirrored.state("newlib", EXP) is PackageState.WAITING_TO_BE_TESTED
    assert b"sid: 0 packages, " in mirrored.office.command("status", "sid").stdout
    mirrored.write_sections(_BOTH.replace("depends-sections = sid\n", "") + "packages = other-*\n")
    mirrored.refresh("sid")
    assert mirrored.office.store.package(SID, Package("base")) is None  # nobody looks into it any more


def test_other_depends_sections_are_a_change(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored)
    mirrored.write_sections(_BOTH.replace("depends-sections = sid\n", ""))
    assert b"exp: unchanged" in mirrored.refresh("exp").stdout
    assert mirrored.state("base", EXP) is PackageState.WAITING_TO_BE_TESTED
    assert mirrored.state("app", EXP) is PackageState.DEPENDENCY_DOES_NOT_EXIST


def test_a_section_that_was_never_refreshed_holds_nothing_until_it_is(mirrored: MirroredOffice) -> None:
    _publish(mirrored)
    mirrored.write_sections(_BOTH)
    mirrored.refresh("exp")
    assert mirrored.state("app", EXP) is PackageState.DEPENDENCY_DOES_NOT_EXIST
    mirrored.refresh("sid")
    assert mirrored.state("app", EXP) is PackageState.WAITING_FOR_DEPENDENCY


def test_sections_that_look_into_each_other_come_to_an_end(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a", depends="x"), DebSpec("b"))
    mirrored.publish(DebSpec("x", depends="b"), DebSpec("y", depends="a"), suite="exp")
    mirrored.write_sections(_BOTH + "depends-sections = exp sid\n")
    assert mirrored.refresh("exp", "sid").status == 0
    store = mirrored.office.store
    for section, name in ((SID, "b"), (EXP, "x"), (SID, "a"), (EXP, "y")):
        assert mirrored.state(name, section) is PackageState.WAITING_TO_BE_TESTED, name
        store.record_run(section, result(name))
        assert mirrored.office.command("evaluate", "exp", "sid").status == 0
    assert not store.evaluation_due(SID)
    assert not store.evaluation_due(EXP)


def test_an_evaluator_that_stays_is_for_one_section(office: Office) -> None:
    completed = office.command("evaluate", "--linger", "1", "sid", "other")
    assert completed.status == 2
    assert "one section at a time" in completed.stderr.decode()


_NAMES = [SectionName(name) for name in "abcde"]


class _Section(NamedTuple):
    depends_sections: tuple[SectionName, ...] = ()


def _sections(links: Mapping[SectionName, str]) -> dict[SectionName, _Section]:
    return {name: _Section(tuple(map(SectionName, links.get(name, "")))) for name in _NAMES}


def test_the_sections_looked_into_are_those_configured_each_followed_by_its_own() -> None:
    sections = _sections({SectionName("a"): "bc", SectionName("b"): "da", SectionName("c"): "d"})
    assert looked_into(sections, SectionName("a")) == ["b", "d", "c"]
    assert looked_into(sections, SectionName("d")) == []
    assert lookers(sections, [SectionName("d")]) == ["b", "c", "a"]
    assert in_order(sections, [SectionName(name) for name in "acd"]) == ["d", "c", "a"]


@given(links=st.dictionaries(st.sampled_from(_NAMES), st.text("abcde", max_size=3)))
def test_whoever_looks_into_whom_there_is_an_order(links: dict[SectionName, str]) -> None:
    sections = _sections(links)
    assert sorted(in_order(sections, _NAMES)) == _NAMES
    for name in _NAMES:
        others = looked_into(sections, name)
        assert len(set(others)) == len(others)
        assert name not in others
        assert set(links.get(name, "")) - {name} <= set(others)
