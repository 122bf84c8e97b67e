"""Where the packages of a section come from: plain, virtual and merged distros, and the versions that are tested."""

from __future__ import annotations

from demo.debs import DebSpec
from piufarm.states import PackageState
from tests.master.mirrored import MirroredOffice
from tests.master.office import SID

_DISTROS = """
[old-security]
depends = old
[old-next]
uri = None
depends = old old-security
candidates = old old-security
[old-virtual]
uri = None
depends = old old-security
"""


def _refreshed(mirrored: MirroredOffice, keys: str) -> None:
    mirrored.publish(DebSpec("same", "1"), DebSpec("fixed", "1", depends="same"), DebSpec("only-old", "5"), suite="old")
    mirrored.publish(DebSpec("same", "1"), DebSpec("fixed", "1+deb1", depends="same, lib"), suite="old-security")
    mirrored.publish(DebSpec("same", "1"), DebSpec("fixed", "2"), DebSpec("new", "7"), suite="new")
    (mirrored.office.directory / "distros.conf").write_text(_DISTROS)
    mirrored.write_sections(f"[sid]\n{keys}")
    completed = mirrored.refresh()
    assert completed.status == 0, completed.stderr


def test_the_candidates_of_a_distro_are_merged_the_highest_version_of_each_name(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored, "distro = old-next\n")
    assert mirrored.versions() == {"same": "1", "fixed": "1+deb1", "only-old": "5"}
    assert mirrored.state("fixed") is PackageState.DEPENDENCY_DOES_NOT_EXIST
    assert mirrored.state("same") is PackageState.WAITING_TO_BE_TESTED


def test_a_virtual_distro_without_candidates_has_the_packages_of_its_first_parent(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored, "distro = old-virtual\n")
    assert mirrored.versions() == {"same": "1", "fixed": "1", "only-old": "5"}


def test_a_partial_distro_has_only_its_own_packages(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored, "distro = old-security\n")
    assert mirrored.versions() == {"same": "1", "fixed": "1+deb1"}


def test_without_distro_the_last_one_of_an_upgrade_has_the_packages(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored, "upgrade-test-distros = old-next new\n")
    assert mirrored.versions() == {"same": "1", "fixed": "2", "new": "7"}


def test_packages_of_an_earlier_distro_are_tested_in_the_version_of_the_last_one(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored, "distro = old\nupgrade-test-distros = old new\n")
    assert mirrored.versions() == {"same": "1", "fixed": "2", "only-old": "None"}
    assert mirrored.row("fixed").version == "1"
    lines = mirrored.office.converse("section sid\npass only-old None\n x\n.\n_state only-old\n")
    assert lines[-1] == "ok successfully-tested None"


def test_the_last_distro_of_an_upgrade_may_be_merged(mirrored: MirroredOffice) -> None:
    _refreshed(mirrored, "distro = old\nupgrade-test-distros = old old-next\n")
    assert mirrored.versions() == {"same": "1", "fixed": "1+deb1", "only-old": "5"}


def test_a_section_that_keeps_a_tarball_only_is_left_out_and_refused_by_name(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a"))
    mirrored.write_sections("[tarball]\ndistro = None\nupgrade-test-distros = old new\n[sid]\ndistro = sid\n")
    mirrored.office.config.write_text(
        mirrored.office.config.read_text().replace("sections = sid", "sections = tarball sid")
    )
    assert mirrored.refresh().status == 0
    completed = mirrored.refresh("tarball")
    assert completed.status == 3
    assert "tests nothing" in completed.stderr.decode()
    assert [row.name for row in mirrored.office.store.sections()] == [SID]
