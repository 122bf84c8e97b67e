"""Directories of the host that are shown inside a chroot, and bases that are made of several layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.schroot import SchrootBackend, schroot_base
from piufarm.slave.network.access import NetworkAccess
from tests.slave.chroot.conftest import LIMITS


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory of the host."""
    directory = tmp_path / "to be shown"
    directory.mkdir()
    (directory / "file").write_text("from the host\n")
    return directory


@contextmanager
def showing(base: PreparedBase, tmpdir: Path, *directories: Path) -> Iterator[Chroot]:
    with replace(OverlayBackend(tmpdir), binds=directories).open(base, LIMITS) as chroot:
        yield chroot


def test_a_directory_of_the_host_is_there_and_cannot_be_written(
    plain_base: PreparedBase, tmpdir_of_chroots: Path, shared: Path
) -> None:
    with showing(plain_base, tmpdir_of_chroots, shared) as chroot:
        seen = chroot.run(["cat", f"{shared}/file"], env=CHROOT_ENVIRONMENT)
        written = chroot.run(["touch", f"{shared}/new"], env=CHROOT_ENVIRONMENT)
        removed = chroot.run(["rm", "-rf", str(shared)], env=CHROOT_ENVIRONMENT)
        remounted = chroot.run(["mount", "-o", "remount,rw", str(shared)], env=CHROOT_ENVIRONMENT)
    assert (seen.status, seen.output) == (0, b"from the host\n")
    assert b"Read-only file system" in written.output
    assert removed.status != 0
    assert remounted.status != 0
    assert [path.name for path in shared.iterdir()] == ["file"]


def test_what_lies_in_a_shown_directory_is_no_change_of_the_test(
    plain_base: PreparedBase, tmpdir_of_chroots: Path, shared: Path
) -> None:
    with showing(plain_base, tmpdir_of_chroots, shared) as chroot:
        assert f"{shared}/file" not in chroot.changes().after


def test_a_link_in_the_root_cannot_lead_a_shown_directory_astray(
    plain_base: PreparedBase, tmpdir_of_chroots: Path
) -> None:
    """/var/run is a link to /run in the root, whatever it is on the host."""
    with showing(plain_base, tmpdir_of_chroots, Path("/var/run")) as chroot:
        assert chroot.run(["test", "-d", "/run"], env=CHROOT_ENVIRONMENT).status == 0


def test_a_directory_that_is_not_there_is_our_trouble(plain_base: PreparedBase, tmpdir_of_chroots: Path) -> None:
    with pytest.raises(FarmError, match="/nonexistent"), showing(plain_base, tmpdir_of_chroots, Path("/nonexistent")):
        pass


def test_a_schroot_shows_directories_too_and_they_are_no_change(
    made_schroot: str, tmpdir_of_chroots: Path, shared: Path, no_network: NetworkAccess
) -> None:
    backend = SchrootBackend(tmpdir_of_chroots, no_network, binds=(shared,))
    with schroot_base(made_schroot) as base, backend.open(base, LIMITS) as chroot:
        assert chroot.run(["cat", f"{shared}/file"], env=CHROOT_ENVIRONMENT).output == b"from the host\n"
        assert not [path for path in chroot.changes().after if str(shared).startswith(path) and path != "/"]
