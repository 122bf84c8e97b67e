"""Full copies of the base: what they are like, and when a test is to be made again in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Changes, ChrootLimits, CommandLimits, Limit, OverlayFallsShort
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.supervised import SupervisedChroot
from tests.slave.chroot.conftest import LIMITS
from tests.slave.chroot.namespaces import Traces
from tests.slave.chroot.test_hostile import shell

SMALL = ChrootLimits(disk_bytes=32 << 20, memory_bytes=64 << 20, processes=100, seconds=60)
CROSSING = "mkdir /dev/shm/d; exec perl -e 'rename q(/dev/shm/d), q(/srv/d) or die qq($!\\n)'"


@pytest.fixture
def copy(plain_base: PreparedBase, tmpdir_of_chroots: Path) -> Iterator[SupervisedChroot]:
    """A copy of the base, of which nothing may be left."""
    with OverlayBackend(tmpdir_of_chroots).copying().open(plain_base, SMALL) as chroot:
        assert isinstance(chroot, SupervisedChroot)
        traces = Traces.of(chroot.host_pid, chroot.root)
        yield chroot
    traces.must_be_gone()


def test_a_copy_is_like_its_base_and_tells_what_was_changed(copy: SupervisedChroot) -> None:
    assert copy.changes() == Changes({}, {})
    assert shell(copy, "df -t overlay /").status != 0
    script = "rm -r /usr/share/doc/bash; mv /etc /etc.new; mv /etc.new /etc; echo x > /srv/x; mknod /srv/n c 1 3"
    assert shell(copy, script).status == 0
    changes = copy.changes()
    assert "/usr/share/doc/bash/copyright" in changes.before.keys() - changes.after.keys()
    assert changes.after.keys() == {"/srv/x", "/srv/n"}
    assert changes.after["/srv/n"].device == os.makedev(1, 3)
    refused = shell(copy, "exec 2> /dev/null; head -c 1 /srv/n; echo x > /srv/n")
    assert refused.status != 0, "a node cannot be opened"


def test_a_copy_has_the_limits_of_any_chroot_on_top_of_what_it_takes_up(copy: SupervisedChroot) -> None:
    assert shell(copy, "head -c 20M /dev/zero > /srv/some").status == 0
    filler = shell(copy, "cat /dev/zero > /srv/full")
    assert (filler.status != 0, filler.stopped_by) == (True, Limit.DISK)
    copy.remove("/srv/full")
    eater = copy.run(["perl", "-e", "my @x; push @x, 'x' x (1 << 20) while 1"], env=CHROOT_ENVIRONMENT)
    assert eater.stopped_by is Limit.MEMORY


def test_what_crosses_file_systems_is_the_packages_failure_in_a_copy_alone(
    copy: SupervisedChroot, plain_base: PreparedBase, tmpdir_of_chroots: Path
) -> None:
    assert (shell(copy, CROSSING).status != 0, shell(copy, CROSSING).trouble) == (True, None)
    with OverlayBackend(tmpdir_of_chroots).open(plain_base, LIMITS) as overlay:
        failed = overlay.run(["sh", "-c", CROSSING], env=CHROOT_ENVIRONMENT)
        assert isinstance(failed.trouble, OverlayFallsShort)
        assert "Invalid cross-device link" in failed.trouble.message
        worked = overlay.run(["sh", "-c", "echo Invalid cross-device link"], env=CHROOT_ENVIRONMENT)
        assert worked.trouble is None


def test_when_the_time_of_a_test_is_over_every_command_ends_at_once(
    plain_base: PreparedBase, tmpdir_of_chroots: Path
) -> None:
    limits = ChrootLimits(disk_bytes=32 << 20, memory_bytes=64 << 20, processes=100, seconds=1)
    with OverlayBackend(tmpdir_of_chroots).open(plain_base, limits) as chroot:
        slow = chroot.run(["sleep", "1000"], env=CHROOT_ENVIRONMENT, limits=CommandLimits(seconds=500))
        assert (slow.status != 0, slow.stopped_by) == (True, Limit.TEST_TIME)
        late = chroot.run(["true"], env=CHROOT_ENVIRONMENT)
        assert (late.status != 0, late.stopped_by) == (True, Limit.TEST_TIME)
        chroot.put("/srv/x", b"x")
        assert chroot.exists("/srv/x"), "the tester itself goes on"
