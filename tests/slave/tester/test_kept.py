"""Roots that are kept, entered and removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from piufarm.errors import UsageError
from piufarm.slave.bases.prepare import prepare
from piufarm.slave.bases.request import BaseRequest, Tarball
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot, CommandLimits
from piufarm.slave.chroot.limits import default_limits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.kept.root import entered, keep, kept_in, remove
from tests.support.bases import BaseTarball
from tests.support.host import host_state, left_over

LEAVE_SOMETHING = "rm -rf /usr/share; echo left > /etc/left; ln -s /etc /out; sleep 86413 > /dev/null 2>&1 &"


@pytest.fixture
def chroot(base_tarball: BaseTarball, session_cache: Path, tmp_path: Path) -> Iterator[Chroot]:
    request = BaseRequest(Tarball(base_tarball.path), "amd64", upgrade=False)
    with (
        prepare(request, cache=session_cache, network=NetworkAccess((), session_cache / "debs")) as base,
        OverlayBackend(tmp_path).open(base, default_limits()) as chroot,
    ):
        yield chroot


@pytest.mark.farm
def test_a_kept_root_is_a_closed_folder_that_can_be_entered_and_removed(chroot: Chroot, tmp_path: Path) -> None:
    chroot.run(["sh", "-c", LEAVE_SOMETHING], env=CHROOT_ENVIRONMENT)
    place = keep(chroot, tmp_path)
    assert list(chroot.processes()) == [], "no process of the test survives"
    assert place.name == Path(chroot.root).name
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / "root/etc/left").read_text() == "left\n"
    assert (place / "root/out").readlink() == Path("/etc")
    assert list((place / "root/proc").iterdir()) == []
    assert kept_in(tmp_path) == [place]

    before = host_state()
    with entered(place) as supervisor:
        words = ["sh", "-c", "cat /etc/left; echo more > /etc/left"]
        said = supervisor.run(words, env=CHROOT_ENVIRONMENT, limits=CommandLimits())
    assert said.output == b"left\n"
    assert (place / "root/etc/left").read_text() == "more\n", "what is changed there stays changed"
    assert not left_over(before, marks=[str(place)])

    remove(place)
    assert not place.exists()
    assert kept_in(tmp_path) == []


def test_no_other_folder_is_removed_or_entered(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / ".piuparts.tmpdir").touch()  # as in a root of piuparts, which has a /root, too
    with pytest.raises(UsageError, match="no kept root"):
        remove(tmp_path)
    with pytest.raises(UsageError, match="no kept root"), entered(tmp_path):
        pass
    assert (tmp_path / "root").is_dir()


def test_a_link_in_the_place_of_a_root_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / ".piufarm.kept").touch()
    (tmp_path / "root").symlink_to("precious")
    with pytest.raises(UsageError):
        remove(tmp_path)
    assert (tmp_path / "precious").is_dir()
