"""The verbs for people, asked of a section that follows a real archive."""

from __future__ import annotations

import pytest

from demo.debs import DebSpec
from tests.master.mirrored import MirroredOffice


@pytest.fixture
def asked(mirrored: MirroredOffice) -> MirroredOffice:
    """A section exp that looks names up in sid."""
    mta = {"Provides": "mta"}
    mirrored.publish(
        DebSpec("base", "2"),
        DebSpec("postfix", fields=mta),
        DebSpec("exim", fields=mta),
        DebSpec("virtual-user", depends="mta"),
    )
    mirrored.publish(
        DebSpec("base", "1"),
        DebSpec("app", depends="lib | base, ring"),
        DebSpec("ring", depends="app"),
        DebSpec("lonely", depends="nowhere"),
        DebSpec("old", depends="ia32-libs-i386, kbdcontrol"),
        suite="exp",
    )
    mirrored.write_sections("[exp]\ndistro = exp\ndepends-sections = sid\n[sid]\ndistro = sid\n")
    assert mirrored.refresh("exp", "sid").status == 0
    return mirrored


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("app", "waiting-for-dependency-to-be-tested 1"),
        ("lonely", "dependency-does-not-exist 1"),
        ("old", "waiting-to-be-tested 1"),
        ("base", "waiting-to-be-tested 2"),  # outdated here, so as in sid
        ("postfix", "waiting-to-be-tested 1"),  # of the other section
        ("mta", "waiting-to-be-tested -"),  # virtual there
        ("ia32-libs-i386", "foreign:i386 -"),
        ("kbdcontrol", "ignore-does-not-exist -"),
        ("nowhere", "does-not-exist -"),
    ],
)
def test_a_name_has_the_state_in_which_those_see_it_who_depend_on_it(
    asked: MirroredOffice, name: str, answer: str
) -> None:
    assert asked.office.converse(f"section exp\n_state {name}\n")[-1] == f"ok {answer}"


def test_a_virtual_name_is_in_the_state_of_the_provider_that_is_followed(asked: MirroredOffice) -> None:
    office = asked.office
    office.converse("section sid\nfail exim 1\n x\n.\n")
    assert office.converse("section sid\n_state mta\n")[-1] == "ok waiting-to-be-tested -"
    assert office.converse("section exp\n_state mta\n")[-1] == "ok waiting-to-be-tested -"
    office.converse("section sid\nfail postfix 1\n x\n.\n")
    assert office.converse("section sid\n_state mta\n")[-1] == "ok failed-testing -"


def test_dependencies_cycles_and_lists_are_those_of_the_archive(asked: MirroredOffice) -> None:
    lines = asked.office.converse(
        "section exp\n_depends app\n_recursive-depends ring\n_depcycle app\n_depcycle lonely\n_list outdated\n"
        "_list waiting-to-be-tested\n_depends nowhere\n"
        "section sid\n_depends virtual-user\n_recursive-depends virtual-user\n"
    )
    assert lines[2:9] == ["ok base ring", "ok app base ring", "ok ring app", "ok", "ok base", "ok old ring", "error"]
    assert lines[10:] == ["ok mta", "ok mta exim"]
