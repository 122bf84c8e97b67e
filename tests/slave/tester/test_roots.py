"""What chroots of a run can reach and see of the host, as the options say."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from piufarm.config.model import ChrootBackend
from piufarm.errors import UsageError
from piufarm.slave.tester.command_line.options import Options, RootOptions, TestOptions
from piufarm.slave.tester.roots import foreign_schroot
from piufarm.slave.tester.roots.foreign_schroot import without_foreign_schroot
from piufarm.slave.tester.roots.standing import Roots
from piufarm.slave.tester.roots.testdebs import testdebs_line as line_of_testdebs

ROOT = RootOptions(distribution="one", mirrors=("http://m.example/debian main",), proxy="")


def roots(root: RootOptions = ROOT, *, testdebs: str | None = None, suites: tuple[str, ...] = ("one",)) -> Roots:
    tests = TestOptions(distributions=suites, testdebs_repo=None if testdebs is None else line_of_testdebs(testdebs))
    return Roots(Options(("x",), root=root, tests=tests, apt=True), lambda _: None)


def test_apt_reaches_all_suites_further_lines_and_the_packages_under_test() -> None:
    root = replace(ROOT, extra_repos=("deb http://extra.example sid main",))
    found = roots(root, testdebs="http://debs.example/x", suites=("one", "two"))
    assert found.network.archives == ("http://m.example/debian", "http://extra.example", "http://debs.example/x")
    assert [suite.name for suite in found.suites] == ["one", "two"]


def test_directories_that_are_shown_are_those_asked_for_and_repositories_of_the_host(tmp_path: Path) -> None:
    asked, repository = tmp_path / "asked", tmp_path / "repository"
    for directory in (asked, repository):
        directory.mkdir()
    root = replace(ROOT, bind_mounts=(asked,))
    assert roots(root, testdebs=str(repository)).shown == (asked, repository)
    assert roots(root, testdebs="/nonexistent").shown == (asked,)


def test_only_root_tests_over_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UsageError, match="only root"):
        roots(RootOptions(directory=tmp_path))


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"type": "directory", "directory": "/srv/sid"}, {"directory": Path("/srv/sid")}),
        ({"type": "plain", "directory": "/srv/sid"}, {"directory": Path("/srv/sid")}),
        ({"type": "file", "file": "/srv/sid.tar.gz"}, {"tarball": Path("/srv/sid.tar.gz")}),
        ({"type": "plain", "directory": "/x/sid/current/tree/root"}, {"schroot": "sid"}),
    ],
)
def test_root_uses_what_a_schroot_of_somebody_else_is_made_of(
    settings: dict[str, str], place: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign_schroot, "settings_of", lambda _: settings)
    asked = RootOptions(schroot="sid", backend=ChrootBackend.SCHROOT)
    found = without_foreign_schroot(asked)
    assert (found.schroot is None) == (found.backend is ChrootBackend.OVERLAY)
    assert {name: value for name, value in vars(found).items() if name in place} == place
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert without_foreign_schroot(asked) is asked


@pytest.mark.parametrize("kind", ["block-device", "btrfs-snapshot", "custom", "directory", "file"])
def test_a_schroot_of_another_kind_is_refused_with_a_next_step(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_schroot, "settings_of", lambda _: {"type": kind})
    with pytest.raises(UsageError, match=kind) as error:
        without_foreign_schroot(RootOptions(schroot="sid"))
    assert "--existing-chroot DIR" in (error.value.hint or "")
