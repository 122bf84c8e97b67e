from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.outcome import Outcome
from piufarm.slave.chroot.interface import CommandResult
from piufarm.slave.job.metadata import OutdatedReference
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.command_line.options import CheckOptions, Options, RootOptions, TestOptions, UsrMove
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.inputs import Group, TestedPackage
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.procedures.distupgrade import DISTUPGRADE
from piufarm.slave.tester.scripts.script_set import CustomScript, ScriptSet
from piufarm.slave.tester.upgrades.end_meta import EndMeta, read_end_meta, write_end_meta
from piufarm.slave.tester.upgrades.suites import Suite
from piufarm.slave.tester.upgrades.way import Way
from tests.slave.tester.memory import Answer, Bench, MemoryChroot, answered, bench, file

UPDATE = ("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
UPGRADE = ("apt-get", "-yf", "dist-upgrade")
INSTALL = ("apt-get", "-y", "install")
THREE = ("one", "two", "three")


def listing(**versions: str) -> str:
    return "".join(f"install\tinstalled\t{name.replace('_', '-')}\t{version}\n\n" for name, version in versions.items())


def dpkg(argv: Sequence[str], chroot: MemoryChroot, *, probe: str) -> CommandResult | None:
    """A database in which dist-upgrade makes base-files 13, and in which a package is there once it is installed."""
    if argv[0] != "dpkg-query":
        return None
    done = chroot.commands
    upgrades = sum(command == UPGRADE for command in done)
    installed = [command for command in done if command[:3] == INSTALL]
    removed = any(command[:2] == ("apt-get", "remove") for command in done)
    there = {"probe": probe} if installed and not removed else {}
    return answered(argv, listing(base_files="13" if upgrades else "12", dash="0.5", **there))


@dataclass
class World:
    """A way through suites in which apt knows `known`, and where an upgrade writes /etc/suite."""

    tmp_path: Path
    names: Sequence[str] = ("one", "two")
    tests: TestOptions = field(default_factory=TestOptions)
    root: RootOptions = field(default_factory=lambda: RootOptions(distribution="one"))
    checks: CheckOptions = field(default_factory=CheckOptions)
    known: Sequence[str] = ("probe",)
    is_broken: bool = False  # nothing can be upgraded
    roots: list[MemoryChroot] = field(default_factory=list)  # for references
    environments: list[tuple[tuple[str, ...], dict[str, str]]] = field(default_factory=list)

    def options(self) -> Options:
        tests = replace(self.tests, distributions=tuple(self.names))
        return Options(("probe",), self.root, tests, self.checks, apt=True)

    def suites(self) -> tuple[Suite, ...]:
        return tuple(Suite(name, f"# {name}\n", None) for name in self.names)

    def answer(self, chroot: MemoryChroot, argv: tuple[str, ...]) -> CommandResult | None:
        self.environments.append((argv, chroot.environment))
        if argv == UPGRADE and self.is_broken:
            return answered(argv, "broken", 100)
        if argv == UPGRADE:
            chroot.add({"/etc/suite": chroot.nodes["/etc/apt/sources.list"]})
        if argv[:2] == ("apt-cache", "show"):
            shown = [f"Package: {name}\nFilename: x\n" for name in argv if name in self.known]
            return answered(argv, "\n".join(shown), 0 if shown else 100)
        return dpkg(argv, chroot, probe="2")

    def bench(self, *answers: Answer) -> Bench:
        made = bench(self.tmp_path, *answers, self.answer, options=self.options())
        log = TestLog([made.output])

        @contextmanager
        def another_root() -> Iterator[Examination]:
            other = bench(self.tmp_path, self.answer, options=self.options(), packages=())
            self.roots.append(other.chroot)
            yield Examination(other.chroot, Group(()), self.options(), log)

        network = NetworkAccess((), self.tmp_path / "debs", None)
        made.examination.way = Way(self.suites(), another_root, network, self.tmp_path / "references")
        made.examination.log = log
        return made


def calls(made: Bench) -> list[tuple[str, ...]]:
    return [argv for argv in made.chroot.commands if argv[0] not in ("dpkg-query", "apt-cache")]


def test_packages_are_installed_upgraded_with_everything_and_removed(tmp_path: Path) -> None:
    world = World(tmp_path)
    made = world.bench()
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.PASS
    assert calls(made) == [
        (*INSTALL, "probe"), UPDATE, UPGRADE, (*INSTALL, "probe"), (*INSTALL, "probe"), ("apt-get", "remove", "probe")
    ]
    assert made.chroot.read("/etc/apt/sources.list") == b"# two\n"
    assert "INFO: PASS: Upgrading between Debian distributions." in made.log
    (reference,) = world.roots
    assert [argv for argv in reference.commands if argv[0] == "apt-get"] == [UPDATE, UPGRADE]


def test_what_the_upgrade_alone_changes_is_no_difference_but_what_comes_on_top_is(tmp_path: Path) -> None:
    def leave(chroot: MemoryChroot, argv: tuple[str, ...]) -> None:
        if argv[:2] == ("apt-get", "remove"):
            chroot.add({"/var/lib/left": file()})

    made = World(tmp_path).bench(leave)
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.FAIL
    assert "  /var/lib/left\t not owned" in made.log
    assert not any("/etc/suite" in line for line in made.log if line.startswith("  /"))
    assert "ERROR: FAIL: Upgrading between Debian distributions." in made.log


def test_middle_suites_are_passed_through_and_each_may_update_the_packages(tmp_path: Path) -> None:
    made = World(tmp_path, THREE).bench()
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.PASS
    assert calls(made)[1:7] == [UPDATE, UPGRADE, (*INSTALL, "probe")] * 2


def test_upgrade_comes_before_dist_upgrade_if_asked_to_but_not_for_the_reference(tmp_path: Path) -> None:
    world = World(tmp_path, tests=TestOptions(upgrade_before_dist_upgrade=True))
    made = world.bench()
    DISTUPGRADE.carry_out(made.examination)
    assert calls(made)[1:4] == [UPDATE, ("apt-get", "-y", "upgrade"), UPGRADE]
    assert ("apt-get", "-y", "upgrade") not in world.roots[0].commands


def test_packages_that_are_removed_first_come_back_at_the_end_only(tmp_path: Path) -> None:
    made = World(tmp_path, THREE, TestOptions(install_remove_install=True)).bench()
    DISTUPGRADE.carry_out(made.examination)
    assert calls(made)[:7] == [
        (*INSTALL, "probe"), ("apt-get", "remove", "probe"), UPDATE, UPGRADE, UPDATE, UPGRADE, (*INSTALL, "probe")
    ]


def test_a_package_that_the_first_suite_lacks_is_installed_later(tmp_path: Path) -> None:
    made = World(tmp_path, known=()).bench()
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.PASS
    assert calls(made)[:3] == [UPDATE, UPGRADE, (*INSTALL, "probe")]
    assert "INFO: apt-cache does not know about any of the requested packages" in made.log


def test_a_package_that_disappears_is_not_installed_at_the_end(tmp_path: Path) -> None:
    made = World(tmp_path).bench()
    made.examination.group = Group((TestedPackage("probe=None", "probe", "None"),))
    DISTUPGRADE.carry_out(made.examination)
    assert [argv for argv in calls(made) if "probe=None" in argv] == []
    assert calls(made)[-1] == ("apt-get", "remove", "probe")


def test_extra_old_packages_come_with_the_old_versions(tmp_path: Path) -> None:
    world = World(tmp_path, tests=TestOptions(extra_old_packages=("helper", "unknown")), known=("probe", "helper"))
    made = world.bench()
    DISTUPGRADE.carry_out(made.examination)
    assert calls(made)[0] == (*INSTALL, "probe", "helper")


@pytest.mark.parametrize("early", [False, True])
def test_the_repository_of_the_packages_comes_at_the_end_or_with_the_last_upgrade(tmp_path: Path, early: bool) -> None:
    tests = TestOptions(testdebs_repo="deb file:///repo ./", distupgrade_to_testdebs=early)
    made = World(tmp_path, THREE, tests).bench()
    DISTUPGRADE.carry_out(made.examination)
    words = calls(made)
    enabled = next(at for at, argv in enumerate(words) if "Dir::Etc::SourceParts=-" in argv)
    upgrades = [at for at, argv in enumerate(words) if argv == UPGRADE]
    assert (upgrades[0] < enabled < upgrades[1]) if early else (enabled > upgrades[1])


def test_scripts_run_in_every_step_and_know_where_they_are(tmp_path: Path) -> None:
    phases = ("pre_test", "pre_install", "post_install", "pre_distupgrade", "post_distupgrade", "pre_remove",
              "post_remove", "post_purge", "post_test")
    scripts = ScriptSet(tuple(CustomScript(phase, b"#!/bin/sh\n", 0o755) for phase in phases))
    world = World(tmp_path, tests=TestOptions(scripts=scripts))
    made = world.bench()
    DISTUPGRADE.carry_out(made.examination)
    names = ("PHASE", "DISTRIBUTION", "DISTRIBUTION_NEXT", "DISTRIBUTION_PREV")
    seen = [
        (argv[0].rpartition("/")[2], *(environment.get(f"PIUPARTS_{name}", "") for name in names))
        for argv, environment in world.environments
        if argv[0].startswith("tmp/scripts/") and environment["PIUPARTS_OBJECTS"]
    ]
    assert seen == [
        ("pre_test", "", "one", "", ""),
        ("pre_install", "install", "one", "", ""),
        ("post_install", "install", "one", "", ""),
        ("pre_distupgrade", "distupgrade", "one", "two", ""),
        ("pre_install", "distupgrade", "two", "", "one"),
        ("post_install", "distupgrade", "two", "", "one"),
        ("post_distupgrade", "distupgrade", "two", "", "one"),
        ("pre_install", "upgrade", "two", "", "one"),
        ("post_install", "upgrade", "two", "", "one"),
        ("pre_remove", "upgrade", "two", "", "one"),
        ("post_remove", "upgrade", "two", "", "one"),
        ("post_purge", "upgrade", "two", "", "one"),
        ("post_test", "upgrade", "two", "", "one"),
    ]


def test_files_that_moved_between_root_and_usr_are_looked_for(tmp_path: Path) -> None:
    def move(chroot: MemoryChroot, argv: tuple[str, ...]) -> None:
        if argv == (*INSTALL, "probe"):
            is_old = UPGRADE not in chroot.commands
            place = "/sbin/probe" if is_old else "/usr/sbin/probe"
            chroot.add({"/var/lib/dpkg/info/probe.list": file(f"/.\n{place}\n"), place: file("x")})

    made = World(tmp_path, checks=CheckOptions(usr_move=UsrMove.WARN)).bench(move)
    DISTUPGRADE.carry_out(made.examination)
    assert any("WARN: File(s) moved between /{bin|sbin|lib*} and /usr/{bin|sbin|lib*}" in line for line in made.log)


def test_a_base_that_cannot_be_upgraded_is_not_the_packages_fault(tmp_path: Path) -> None:
    made = World(tmp_path, is_broken=True).bench()
    with pytest.raises(FarmError, match="the base cannot be upgraded to two"):
        DISTUPGRADE.carry_out(made.examination)


# -- the reference is kept ------------------------------------------------------------------------------------------


def kept(world: World, path: Path) -> Bench:
    """A run that reads its reference from a file, with nothing in the cache."""
    world.tests = replace(world.tests, save_end_meta=None, end_meta=path)
    for cached in (world.tmp_path / "references").iterdir():
        cached.unlink()
    world.roots.clear()
    return world.bench()


def saved(tmp_path: Path) -> tuple[World, Path]:
    path = tmp_path / "end-meta"
    world = World(tmp_path, tests=TestOptions(save_end_meta=path))
    DISTUPGRADE.carry_out(world.bench().examination)
    assert path.exists()
    return world, path


def test_the_base_is_upgraded_once_for_all_packages(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(2):
        assert DISTUPGRADE.carry_out(world.bench().examination) is Outcome.PASS
    assert len(world.roots) == 1


def test_the_base_is_upgraded_again_if_other_scripts_or_options_are_given(tmp_path: Path) -> None:
    world = World(tmp_path)
    DISTUPGRADE.carry_out(world.bench().examination)
    world.tests = TestOptions(scripts=ScriptSet((CustomScript("pre_distupgrade_x", b"#!/bin/sh\n", 0o755),)))
    DISTUPGRADE.carry_out(world.bench().examination)
    world.root = replace(world.root, install_recommends=True)
    DISTUPGRADE.carry_out(world.bench().examination)
    assert len(world.roots) == 3


def test_a_damaged_cache_is_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    DISTUPGRADE.carry_out(world.bench().examination)
    (cached,) = (tmp_path / "references").iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[:20])
    assert DISTUPGRADE.carry_out(world.bench().examination) is Outcome.PASS
    assert cached.read_bytes() == whole


def test_a_saved_reference_is_used(tmp_path: Path) -> None:
    world, path = saved(tmp_path)
    made = kept(world, path)
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.PASS
    assert world.roots == []


def test_a_missing_reference_is_found_out(tmp_path: Path) -> None:
    world, _ = saved(tmp_path)
    made = kept(world, tmp_path / "missing")
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.PASS
    assert len(world.roots) == 1
    assert f"INFO: There is no {tmp_path / 'missing'}: finding out what the upgraded base looks like" in made.log


def is_outdated(made: Bench) -> bool:
    """Whether a slave would remove the file."""
    watch = OutdatedReference()
    watch.feed(made.output.getvalue())
    return watch.seen


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda meta: replace(meta, history=("x", "y")),
         "History of available packages does not match - reference chroot may be outdated"),
        (lambda meta: replace(meta, base_id="x", selections={"dash": "0.4"}),
         "Initial package selections do not match - ignoring loaded reference chroot state"),
        (lambda meta: replace(meta, base_id="x"), "cannot be used as a reference: it was made from another base image"),
        (lambda meta: replace(meta, setting="x"),
         "cannot be used as a reference: it was made with other suites, options or scripts"),
    ],
)
def test_an_outdated_reference_is_not_used_and_slaves_remove_it(
    tmp_path: Path, change: Callable[[EndMeta], EndMeta], says: str
) -> None:
    world, path = saved(tmp_path)
    meta = read_end_meta(path)
    assert meta is not None
    write_end_meta(path, change(meta))
    made = kept(world, path)
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.PASS
    assert len(world.roots) == 1
    assert any(line.startswith("WARNING: ") and line.endswith(says) for line in made.log)
    assert is_outdated(made)


def test_a_file_of_the_predecessor_is_not_used_and_slaves_remove_it(tmp_path: Path) -> None:
    world, path = saved(tmp_path)
    path.write_bytes(b"\x80\x04\x95")
    made = kept(world, path)
    assert DISTUPGRADE.carry_out(made.examination) is Outcome.PASS
    (line,) = [line for line in made.log if "written by piuparts" in line]
    assert line.endswith("Remove it, and write one with --save-end-meta")
    assert is_outdated(made)
    assert path.read_bytes() == b"\x80\x04\x95"


def test_a_reference_that_fits_is_no_reason_for_slaves_to_remove_it(tmp_path: Path) -> None:
    world, path = saved(tmp_path)
    made = kept(world, path)
    DISTUPGRADE.carry_out(made.examination)
    assert not is_outdated(made)
