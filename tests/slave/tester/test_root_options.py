"""Where roots come from and what is done to them before a test, in real chroots over one unpacked root."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from demo.debs import DebSpec, Member
from piufarm.run import Completed, clean_environment, run
from piufarm.slave.chroot.tree import index_tree
from tests.slave.tester.workshop import SUITE, Workshop
from tests.support.clone import PIUFARM
from tests.support.flat_repository import publish_flat

pytestmark = pytest.mark.farm


@pytest.fixture(scope="module")
def existing(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that trusts the workshop's archive, unpacked."""
    directory = tmp_path_factory.mktemp("existing") / "root"
    directory.mkdir()
    run(["tar", "--numeric-owner", "-xzf", workshop.tarball, "-C", directory])
    return directory


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A directory with a package that no archive has, and a list of it."""
    directory = tmp_path / "repository"
    publish_flat(directory, DebSpec("p-local", files={"/usr/share/p-local": "x"}, depends="p-helper"))
    return directory


def trial(workshop: Workshop, *words: str | Path) -> Completed:
    environment = clean_environment(PIUFARM_CACHE=os.environ["PIUFARM_CACHE"])
    archive = ["-d", SUITE, "-m", f"{workshop.server.url} main"]
    return run([PIUFARM, "test", *archive, *words], env=environment, check=False, timeout_seconds=120)


def index(directory: Path) -> dict[str, tuple[object, ...]]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        return {path: tuple(entry) for path, entry in index_tree(descriptor).items()}
    finally:
        os.close(descriptor)


def test_packages_are_tested_over_a_directory_that_stays_as_it_is(
    workshop: Workshop, existing: Path, tmp_path: Path
) -> None:
    before = index(existing)
    result, saved = tmp_path / "result.json", tmp_path / "saved.tar"
    options = ("-e", existing, "--hard-link", "--fake-essential-packages", "p-helper", "--bindmount", tmp_path)
    done = trial(workshop, *options, "--result", result, "--save", saved, "--apt", "p-user")
    log = done.stdout.decode()
    assert done.status == 0, log
    (group,) = json.loads(result.read_text())["groups"]
    assert list(group["installed"]) == ["p-user"], "the other one was there before"
    assert "'--purge', 'p-helper'" not in log
    assert index(existing) == before
    status = run(["tar", "-xOf", saved, "./var/lib/dpkg/status"]).stdout.decode()
    assert "Package: p-helper\n" in status


def test_a_schroot_of_somebody_else_is_used_by_root(workshop: Workshop, existing: Path) -> None:
    name = f"piufarm-test-{os.getpid()}"
    configuration = Path("/etc/schroot/chroot.d") / name
    configuration.write_text(f"[{name}]\ntype=directory\nunion-type=overlay\ndirectory={existing}\nusers=root\n")
    try:
        done = trial(workshop, "--schroot", name, "--apt", "p-user")
        configuration.write_text(f"[{name}]\ntype=block-device\ndevice=/dev/null\nusers=root\n")
        refused = trial(workshop, "--schroot", name, "--apt", "p-user")
    finally:
        configuration.unlink()
    assert done.status == 0, done.stdout.decode()
    assert refused.status == 2
    assert b"of type block-device" in refused.stderr
    assert b"--existing-chroot DIR" in refused.stderr


def test_packages_under_test_come_from_a_directory_of_the_host(
    workshop: Workshop, existing: Path, repository: Path
) -> None:
    done = trial(workshop, "-e", existing, "--testdebs-repo", repository, "--no-upgrade-test", "--apt", "p-local")
    assert done.status == 0, done.stdout.decode()
    assert "PASS: Installation and purging test." in done.stdout.decode()


def test_a_further_repository_may_lie_on_the_host(workshop: Workshop, existing: Path, repository: Path) -> None:
    line = f"deb [trusted=yes] file:{repository} ./"
    done = trial(workshop, "-e", existing, "--extra-repo", line, "--apt", "p-local")
    assert done.status == 0, done.stdout.decode()


def test_a_root_is_minimised_before_its_packages_are_tested(
    workshop: Workshop, existing: Path, tmp_path: Path
) -> None:
    """By whatever debfoster the archive has: this one removes a package of the base."""
    script = "#!/bin/sh -e\necho $* | grep -q MaxPriority\nexec ${2#RemoveCmd=} tzdata\n"
    debfoster = DebSpec("debfoster", files={"/usr/bin/debfoster": Member(script, 0o755)})
    with workshop.publishing(debfoster):
        saved = tmp_path / "saved.tar"
        done = trial(workshop, "-e", existing, "--minimize", "-s", saved, "--apt", "p-user")
    assert done.status == 0, done.stdout.decode()
    status = run(["tar", "-xOf", saved, "./var/lib/dpkg/status"]).stdout.decode()
    assert "Package: tzdata\n" not in status
    assert "Package: debfoster\n" not in status
