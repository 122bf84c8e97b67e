"""Upgrades between two suites of a small archive, in real chroots and beside the predecessor."""

from __future__ import annotations

import argparse
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from demo.debs import DebSpec
from piufarm.run import clean_environment, run
from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.command_line.arguments import configure
from piufarm.slave.tester.command_line.parse import parse_options
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.result import RunResult
from piufarm.slave.tester.procedures.distupgrade import DISTUPGRADE
from piufarm.slave.tester.procedures.procedure import Phase
from piufarm.slave.tester.runner import Runner
from piufarm.slave.tester.state.packages import InstalledPackage
from piufarm.slave.tester.upgrades.end_meta import read_end_meta
from tests.slave.tester.specimens import deb
from tests.slave.tester.workshop import Verdict, Workshop
from tests.support.clone import PIUFARM

pytestmark = pytest.mark.farm
NEXT: Final = "probe-next"
PASSES: Final = "PASS: Upgrading between Debian distributions."
FAILS: Final = "FAIL: Upgrading between Debian distributions."
# What programs write about their own work: times, sizes and orders in it are never the same.
_RECORDS: Final = re.compile(
    r"/var/lib/dpkg/(status|available|lock|triggers)|/var/lib/apt/|/var/cache/(apt|ldconfig|debconf)/|/var/log/|/etc/ld.so.cache"
)
KNOWN: Final = "The upgraded base is known"
# What either tester says about how it goes on.
ABOUT_THE_WAY: Final = (
    KNOWN, "Notice: ", "Finding out what the base looks like", "What was tested on the upgraded base does not count",
    "The packages are installed as they are wanted already",
)  # fmt: skip


def _version(name: str, version: str, **more: str) -> DebSpec:
    """A package whose first version is inert: it has files, no scripts."""
    return deb(name, version=version, files={f"/usr/share/{name}/{version}": version}, **more)


def _packages(base: DebSpec) -> tuple[list[DebSpec], list[DebSpec]]:
    """Of the first and of the second suite, which also upgrades a package of the base."""
    old = [
        _version("du-good", "1"), _version("du-leaves", "1"), _version("du-gone", "1"), _version("du-scripted", "1"),
        _version("du-needy", "1", depends="du-helper"),
        DebSpec("du-helper", files={"/etc/du-helper.conf": "1\n", "/usr/lib/du-helper/data": "1\n"},
                symlinks={"/usr/lib/du-helper/link": "data"}, conffiles=["/etc/du-helper.conf"]),
        DebSpec("du-asks-before", files={"/usr/share/du-asks-before/x": "1\n"},
                depends=f"{base.name} (= {base.version})"),
        DebSpec("du-in-the-way", files={"/usr/share/base-next": "mine\n"}),
    ]
    new = [
        _version("du-good", "2"),
        _version("du-scripted", "2", postinst="touch /var/lib/du-scripted", postrm="rm -f /var/lib/du-scripted"),
        _version("du-needy", "2", depends="du-helper"),
        DebSpec("du-helper", "2", files={"/etc/du-helper.conf": "2\n", "/usr/lib/du-helper/data": "2\n"},
                conffiles=["/etc/du-helper.conf"]),
        DebSpec("du-asks-before", "2", files={"/usr/share/du-asks-before/x": "2\n"}),
        DebSpec("du-in-the-way", "2", files={"/usr/share/du-in-the-way/x": "2\n"}),
        _version("du-leaves", "2", postinst="mkdir -p /var/lib/du-leaves; touch /var/lib/du-leaves/data"),
        _version("du-late", "2"),
        DebSpec(base.name, version=f"{base.version}+next", architecture=base.architecture,
                files={**base.files, "/usr/share/base-next": "next\n"}),
    ]  # fmt: skip
    return old, new


@dataclass(frozen=True)
class Upgrades:
    """The workshop with a second suite."""

    workshop: Workshop
    meta: Path

    def words(self, *operands: str) -> list[str]:
        return [*self.workshop.root_words, "-d", NEXT, *operands]

    def ours(self, *words: str) -> Verdict:
        environment = clean_environment(PIUFARM_CACHE=os.environ["PIUFARM_CACHE"])
        done = run([PIUFARM, "test", *self.words(*words)], env=environment, check=False, timeout_seconds=240)
        return Verdict(done.status, (done.stdout + done.stderr).decode())


@pytest.fixture(scope="module")
def upgrades(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrades]:
    base = next(package for package in workshop.packages if package.name == "tzdata")
    old, new = _packages(base)
    with workshop.publishing(*old):
        workshop.archive.publish(NEXT, new)
        yield Upgrades(workshop, tmp_path_factory.mktemp("meta") / "meta")


def test_a_good_package_passes_and_the_reference_is_found_again(upgrades: Upgrades, tmp_path: Path) -> None:
    first = upgrades.ours("-S", str(upgrades.meta), "--apt", "du-good=2")
    assert first.status == 0, first.log[-4000:]
    assert PASSES in first.lines
    result = tmp_path / "result.json"
    second = upgrades.ours("-B", str(upgrades.meta), "--result", str(result), "--apt", "du-good=2")
    assert second.status == 0, second.log[-4000:]
    assert any(line.startswith(KNOWN) for line in second.lines)
    assert not any(line.startswith(KNOWN) for line in first.lines)
    (group,) = json.loads(result.read_text())["groups"]
    assert group["test"] == "distupgrade"
    assert group["installed"] == group["tested"] == {"du-good": "2"}
    assert group["on_upgraded_base"]


def test_a_package_that_leaves_files_in_its_new_version_fails(upgrades: Upgrades) -> None:
    verdict = upgrades.ours("--apt", "du-leaves=2")
    assert verdict.status == 1
    assert {FAILS, "  /var/lib/du-leaves/data\t not owned"} <= verdict.lines
    assert not any("base-next" in line for line in verdict.lines)
    assert "What was tested on the upgraded base does not count: it did not pass" in verdict.lines
    assert verdict.log.count("ERROR: FAIL: ") == 2, "only the test that counts is to be read"
    assert not any(line.startswith("upgraded base: ") for line in verdict.lines)


def test_a_recheck_goes_the_long_way_too_and_finds_the_same(upgrades: Upgrades, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    verdict = upgrades.ours("--recheck-layers", "--result", str(result), "--apt", "du-good=2")
    assert verdict.status == 0, verdict.log[-4000:]
    content = json.loads(result.read_text())
    (group,), (use,) = content["groups"], content["layers"]
    assert group["on_upgraded_base"] is False
    assert use == {"keys": ["upgraded base"], "counts": False, "reason": "a recheck", "differences": []}


def test_packages_that_come_or_go_with_a_suite_pass(upgrades: Upgrades) -> None:
    verdict = upgrades.ours("--single-packages", "--apt", "du-gone=None", "du-late=2")
    assert verdict.status == 0, verdict.log[-4000:]
    assert "'du-gone=None'" not in verdict.log.partition("Running on")[2]


@pytest.mark.peer
def test_the_predecessor_says_the_same_of_an_upgrade(upgrades: Upgrades) -> None:
    roots = upgrades.meta.parent / "roots"
    roots.mkdir()
    private = 'mount -t tmpfs -o mode=755 tmpfs "$1" && shift && exec "$@"'
    words = ["piuparts", "-t", str(roots), *upgrades.words("--apt", "du-leaves=2")]
    namespace: list[str | Path] = ["unshare", "--mount", "--propagation", "private", "sh", "-c", private, "sh", roots]
    done = run([*namespace, *words], check=False, timeout_seconds=300)
    theirs = Verdict(done.status, (done.stdout + done.stderr).decode("utf-8", "backslashreplace"))
    mine = upgrades.ours("--compat", "--apt", "du-leaves=2")
    assert (mine.status, theirs.status) == (1, 1), theirs.log[-4000:]
    about_the_way = {line for line in mine.lines ^ theirs.lines if line.startswith(ABOUT_THE_WAY)}
    assert mine.lines - about_the_way == theirs.lines - about_the_way


# -- the way around the upgrade of the base -------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """Everything about a root after the upgrade that anything could depend on."""

    went_around: bool
    paths: Mapping[str, tuple[Entry, str | None]]  # with the MD5 sums of files
    packages: Mapping[str, InstalledPackage]
    marks: frozenset[bytes]  # who was installed for others' sake


def _state(upgrades: Upgrades, name: str, monkeypatch: pytest.MonkeyPatch, *, around: bool) -> State:
    """After the upgrade of a package, all else left out."""
    parser = argparse.ArgumentParser()
    configure(parser)
    options = parse_options(parser.parse_args(upgrades.words("--apt", f"{name}=2")), [])
    found: list[State] = []

    def look(examination: Examination) -> None:
        marks = (examination.chroot.read("/var/lib/apt/extended_states") or b"").split(b"\n\n")
        paths = {
            path: (entry._replace(mtime_ns=0), examination.chroot.md5(path) if stat.S_ISREG(entry.mode) else None)
            for path, entry in examination.tree().items()
            if not _RECORDS.match(path)
        }
        known = {record for record in marks if record.strip()}
        went_around = examination.chroot.base.packages["tzdata"].endswith("+next")
        found.append(State(went_around, paths, examination.packages(), frozenset(known)))

    phases = DISTUPGRADE.phases
    last = next(number for number, phase in enumerate(phases) if phase.name == "upgrade between suites")
    until = replace(DISTUPGRADE, phases=(*phases[: last + 1], Phase("look", look)))
    with monkeypatch.context() as patch:
        patch.setattr("piufarm.slave.tester.runner.wanted_procedures", lambda _: [until])
        if not around:
            patch.setattr("piufarm.slave.tester.trial.may_go_around", lambda _: False)
        Runner(options, TestLog([]), RunResult("")).run()
    return found[0]


@pytest.mark.parametrize(
    ("name", "is_inert"),
    [("du-good", True), ("du-needy", True), ("du-late", True), ("du-scripted", True),
     ("du-asks-before", False), ("du-in-the-way", False)],
)
def test_going_around_the_upgrade_of_the_base_ends_in_the_same_root(
    upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch, name: str, is_inert: bool
) -> None:
    around, long = (_state(upgrades, name, monkeypatch, around=around) for around in (True, False))
    assert (around.went_around, long.went_around) == (is_inert, False)
    assert around.packages == long.packages
    assert around.marks == long.marks
    paths = around.paths.keys() | long.paths.keys()
    assert {path for path in paths if around.paths.get(path) != long.paths.get(path)} == set()


def test_a_reference_is_the_same_whether_the_base_was_upgraded_for_it_or_for_all_tests(
    upgrades: Upgrades, tmp_path: Path
) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    metas = []
    for words in ([], ["--scriptsdir", str(scripts)]):
        path = tmp_path / f"meta{len(words)}"
        verdict = upgrades.ours("-S", str(path), *words, "--apt", "du-good=2")
        assert verdict.status == 0, verdict.log[-4000:]
        meta = read_end_meta(path)
        assert meta is not None
        after = {name: entry._replace(mtime_ns=0) for name, entry in meta.after.items() if not _RECORDS.match(name)}
        removed = tuple(sorted(name for name in meta.removed if not _RECORDS.match(name)))
        packages = tuple(sorted(meta.packages, key=lambda package: package.name))
        metas.append(replace(meta, setting="", after=after, removed=removed, packages=packages))
    assert metas[0] == metas[1]
