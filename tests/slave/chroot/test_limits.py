"""Limits on hosts that offer little."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot import launch as launching
from piufarm.slave.chroot.cgroups import group_parents
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import ChrootLimits, Limit
from piufarm.slave.chroot.limits import NO_LIMITS, default_limits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.supervised import SupervisedChroot


@pytest.fixture
def no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host on which no control group can be made."""
    monkeypatch.setattr(launching, "group_parents", list)


def kernel() -> tuple[int, int]:
    """Version of the running kernel."""
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(minor.partition("-")[0])


def test_without_control_groups_the_kernels_pid_max_limits_processes_or_the_test_is_refused(
    plain_base: PreparedBase, tmpdir_of_chroots: Path, no_groups: None
) -> None:
    backend = OverlayBackend(tmpdir_of_chroots)
    limits = ChrootLimits(disk_bytes=64 << 20, memory_bytes=1 << 30, processes=350)
    host_pid_max = Path("/proc/sys/kernel/pid_max").read_text()
    if kernel() < (6, 14):
        with pytest.raises(FarmError, match="no way to limit the number of processes"):
            backend.open(plain_base, limits).__enter__()
        return
    with backend.open(plain_base, limits) as chroot:
        assert isinstance(chroot, SupervisedChroot)
        assert set(chroot.limited_by) == {"processes by pid_max", "memory by rlimit of each process"}
        bomb = chroot.run(["sh", "-c", "for i in $(seq 1000); do sleep 100 & done; wait"], env=CHROOT_ENVIRONMENT)
        assert bomb.status != 0
        assert len(chroot.processes()) < 350
    assert Path("/proc/sys/kernel/pid_max").read_text() == host_pid_max


def test_swap_is_no_way_around_the_limit_of_memory(plain_base: PreparedBase, tmpdir_of_chroots: Path) -> None:
    limits = ChrootLimits(disk_bytes=64 << 20, memory_bytes=128 << 20, processes=350)
    with OverlayBackend(tmpdir_of_chroots).open(plain_base, limits) as chroot:
        name = Path(chroot.root).name
        groups = [Path(top) / ("piufarm" if kind == "v2" else "") / (name if kind == "v2" else f"piufarm-{name}")
                  for kind, top in group_parents() if kind != "v1pids"]
        files = [group / file for group in groups for file in ("memory.swap.max", "memory.memsw.limit_in_bytes")]
        assert {int(file.read_text()) for file in files if file.exists()} <= {0, 192 << 20}


def test_without_limits_nothing_is_asked_of_the_host(
    plain_base: PreparedBase, tmpdir_of_chroots: Path, no_groups: None
) -> None:
    with OverlayBackend(tmpdir_of_chroots).open(plain_base, NO_LIMITS) as chroot:
        assert isinstance(chroot, SupervisedChroot)
        assert chroot.limited_by == ()
        assert chroot.run(["true"], env=CHROOT_ENVIRONMENT).status == 0


def test_a_text_that_says_no_space_counts_as_the_disks_limit_only_with_a_failure(
    plain_base: PreparedBase, tmpdir_of_chroots: Path
) -> None:
    with OverlayBackend(tmpdir_of_chroots).open(plain_base, default_limits()) as chroot:
        text = "echo dpkg: error: No space left on device"
        assert chroot.run(["sh", "-c", text], env=CHROOT_ENVIRONMENT).stopped_by is None
        assert chroot.run(["sh", "-c", f"{text}; exit 2"], env=CHROOT_ENVIRONMENT).stopped_by is Limit.DISK


def test_a_tmpdir_that_is_none_is_refused(plain_base: PreparedBase, tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="not a directory"):
        OverlayBackend(tmp_path / "none").open(plain_base, default_limits()).__enter__()
