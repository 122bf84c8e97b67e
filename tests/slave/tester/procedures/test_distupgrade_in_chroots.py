"""Upgrades between two suites of a small archive, in real chroots and beside the predecessor."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from demo.debs import DebSpec
from piufarm.run import clean_environment, run
from tests.slave.tester.specimens import deb
from tests.slave.tester.workshop import Verdict, Workshop
from tests.support.clone import PIUFARM

pytestmark = pytest.mark.farm
NEXT: Final = "probe-next"
PASSES: Final = "PASS: Upgrading between Debian distributions."
FAILS: Final = "FAIL: Upgrading between Debian distributions."
KNOWN: Final = "The upgraded base is known"


def _version(name: str, version: str, **more: str) -> DebSpec:
    return deb(name, version=version, files={f"/usr/share/{name}/{version}": version}, **more)


def _packages(base: DebSpec) -> tuple[list[DebSpec], list[DebSpec]]:
    """Of the first and of the second suite, which also upgrades a package of the base."""
    old = [_version("du-good", "1"), _version("du-leaves", "1"), _version("du-gone", "1")]
    new = [
        _version("du-good", "2"),
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
    assert second.log.count("dist-upgrade']") == first.log.count("dist-upgrade']") - 2  # started, and ok
    (group,) = json.loads(result.read_text())["groups"]
    assert group["test"] == "distupgrade"
    assert group["installed"]["du-good"] == "2"


def test_a_package_that_leaves_files_in_its_new_version_fails(upgrades: Upgrades) -> None:
    verdict = upgrades.ours("--apt", "du-leaves=2")
    assert verdict.status == 1
    assert {FAILS, "  /var/lib/du-leaves/data\t not owned"} <= verdict.lines
    assert not any("base-next" in line for line in verdict.lines)


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
    namespace = ["unshare", "--mount", "--propagation", "private", "sh", "-c", private, "sh", roots]
    done = run([*namespace, *words], check=False, timeout_seconds=300)
    theirs = Verdict(done.status, (done.stdout + done.stderr).decode("utf-8", "backslashreplace"))
    mine = upgrades.ours("--compat", "--apt", "du-leaves=2")
    assert (mine.status, theirs.status) == (1, 1), theirs.log[-4000:]
    about_references = {line for line in mine.lines ^ theirs.lines if line.startswith((KNOWN, "Notice: "))}
    assert mine.lines - about_references == theirs.lines - about_references
