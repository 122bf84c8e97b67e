"""In which order the tests do things, and when checks look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from demo.debs import DebSpec, build
from piufarm.outcome import Finding, Outcome
from piufarm.slave.tester import checks
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.command_line.options import CheckOptions, Options, RootOptions, TestOptions
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.inputs import Group, TestedPackage
from piufarm.slave.tester.procedures import wanted_procedures
from piufarm.slave.tester.procedures.install_purge import INSTALL_PURGE
from piufarm.slave.tester.procedures.upgrade import UPGRADE
from tests.slave.tester.memory import Answer, Bench, MemoryChroot, bench, file
from tests.slave.tester.procedures.dpkg import Dpkg

ALL = TestOptions(
    install_purge_install=True, install_remove_install=True, extra_old_packages=("old", "nobody"),
    testdebs_repo="deb file:///repo ./",
)  # fmt: skip


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Moment]:
    """The moments at which checks have looked."""
    seen: list[Moment] = []

    def look(_: Examination, moment: Moment) -> Iterable[Finding]:
        seen.append(moment)
        return ()

    monkeypatch.setattr(checks, "CHECKS", (Check("probe", tuple(Moment), look),))
    return seen


def examined(tmp_path: Path, tests: TestOptions, *answers: Answer, **archive: str) -> Bench:
    """A file `probe`, version 2, that depends on `helper`."""
    deb = build(DebSpec("probe", version="2", depends="helper"), tmp_path)
    made = bench(tmp_path, *answers, Dpkg(archive), options=Options((str(deb),), tests=tests))
    made.examination.group = Group((TestedPackage("probe=2", "probe", "2", deb),))
    return made


def steps(made: Bench) -> list[str]:
    """What was installed, removed and purged, in short."""
    found = []
    for argv in made.chroot.commands:
        words = [word for word in argv if not word.startswith("-") and "::" not in word]
        if argv[0] in ("apt-get", "dpkg") and "--simulate" not in argv:
            purge = ["--purge"] if "--purge" in argv else []
            found.append(" ".join([*purge, *words[1:]]))
    return found


def test_installing_and_purging_with_all_variants(tmp_path: Path, looks: list[Moment]) -> None:
    made = examined(tmp_path, ALL, old="1", helper="1")
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.PASS
    dummy, probe = "./tmp/piuparts-depends-dummy.deb", "./tmp/probe_2_all.deb"
    assert steps(made) == [
        "update", "install old", f"install {dummy}", "--purge piuparts-depends-dummy",
        f"install {probe}", "remove probe", "--purge probe",
        f"install {probe}", "remove probe", f"install {probe}", f"install {probe}",
        "remove old probe", "--purge old", "--purge probe",
    ]  # fmt: skip
    assert looks == [
        Moment.START, Moment.DEPENDENCIES,
        Moment.BEFORE_REMOVAL, Moment.REMOVED, Moment.PURGED_ONCE, Moment.COMPARED,
        Moment.INSTALLED, Moment.BEFORE_REMOVAL, Moment.REMOVED, Moment.PURGED, Moment.COMPARED,
    ]  # fmt: skip
    assert not made.chroot.exists("/etc/apt/sources.list.d/piuparts-testdebs.list")


def test_what_a_first_purge_leaves_ends_the_test(tmp_path: Path) -> None:
    def leave(chroot: MemoryChroot, argv: tuple[str, ...]) -> None:
        if argv == ("dpkg", "--purge", "probe"):
            chroot.add({"/etc/left": file()})

    made = examined(tmp_path, TestOptions(install_purge_install=True), leave, helper="1")
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.FAIL
    assert steps(made)[-1] == "--purge probe"
    assert made.log[-2:] == ["ERROR: FAIL: Installation and purging test.", ""]


def test_upgrading_with_all_variants(tmp_path: Path, looks: list[Moment]) -> None:
    made = examined(tmp_path, replace(ALL, testdebs_repo=None), old="1", probe="1")
    assert UPGRADE.carry_out(made.examination) is Outcome.PASS
    assert steps(made) == [
        "install probe old", "remove probe", "install ./tmp/probe_2_all.deb",
        "remove old probe", "--purge old", "--purge probe",
    ]  # fmt: skip
    assert looks == [
        Moment.INSTALLED, Moment.INSTALLED, Moment.UPGRADED,
        Moment.BEFORE_REMOVAL, Moment.REMOVED, Moment.PURGED, Moment.COMPARED,
    ]  # fmt: skip
    assert "INFO: apt-cache knows about the following packages: probe, old" in made.log
    assert "INFO: the following packages are not in the archive: nobody" in made.log
    assert "INFO: PASS: Installation, upgrade and purging tests." in made.log


def test_files_that_the_repository_of_the_tested_packages_has_are_installed_by_name(tmp_path: Path) -> None:
    made = examined(tmp_path, TestOptions(testdebs_repo="deb file:///repo ./"), probe="2")
    INSTALL_PURGE.carry_out(made.examination)
    assert "install probe=2" in steps(made)


def test_packages_that_the_archive_has_not_are_not_upgraded(tmp_path: Path) -> None:
    made = examined(tmp_path, TestOptions())
    assert UPGRADE.carry_out(made.examination) is None
    assert steps(made) == []
    assert "INFO: apt-cache does not know about any of the requested packages" in made.log
    assert [finding.check for finding in made.examination.findings] == ["left-out"]


def test_names_are_upgraded_only_from_the_archive_to_a_repository_of_their_own() -> None:
    assert UPGRADE.why_not(Options((), apt=True)) == "Can't test upgrades: -a or --apt option used."
    assert UPGRADE.why_not(Options((), apt=True, tests=TestOptions(testdebs_repo="deb x ./"))) == ""
    assert UPGRADE.why_not(Options(())) == ""


def test_the_options_choose_the_tests() -> None:
    def names(options: Options) -> list[str]:
        return [procedure.name for procedure in wanted_procedures(options)]

    ours = TestOptions(
        install_purge=False, upgrade=False, delete_conffiles=True, edited_conffile=True, reconfigure=True,
        stop_without_daemon=True, interrupted_unpack=True,
    )  # fmt: skip
    assert names(Options(())) == ["install", "upgrade"]
    assert names(Options((), tests=TestOptions(upgrade=False))) == ["install"]
    assert names(Options((), tests=TestOptions(distributions=("one", "two")))) == ["distupgrade"]
    assert names(Options((), tests=ours)) == [
        "delete-conffiles", "edited-conffile", "reconfigure", "stop-without-daemon", "interrupted-unpack"
    ]
    assert names(Options((), tests=ours, checks=CheckOptions(compat=True))) == []
    assert names(Options((), tests=replace(ours, distributions=("one", "two")), root=RootOptions())) == ["distupgrade"]
