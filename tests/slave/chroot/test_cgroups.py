"""Where control groups can be made, as hosts of several kinds show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.chroot.cgroups import GroupParent, group_parents

V1 = """\
25 1 8:1 / / rw,relatime - ext4 /dev/vda rw
30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 25 0:27 /slice /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
"""


def parents(tmp_path: Path, mountinfo: str, own: str) -> list[GroupParent]:
    """What is found on a host with these files."""
    (tmp_path / "mountinfo").write_text(mountinfo)
    (tmp_path / "cgroup").write_text(own)
    return group_parents(tmp_path / "mountinfo", tmp_path / "cgroup")


def test_version_1_groups_are_made_below_those_that_we_are_in(tmp_path: Path) -> None:
    own = "4:memory:/jobs/one\n3:pids:/slice/mine\n2:name=systemd:/\n0::/\n"
    assert parents(tmp_path, V1, own) == [
        ("v1memory", "/sys/fs/cgroup/memory/jobs/one"),
        ("v1pids", "/sys/fs/cgroup/pids/mine"),
    ]


def test_a_group_outside_of_what_is_mounted_falls_back_to_the_mount(tmp_path: Path) -> None:
    assert ("v1pids", "/sys/fs/cgroup/pids") in parents(tmp_path, V1, "3:pids:/elsewhere/mine\n")
    assert ("v1memory", "/sys/fs/cgroup/memory") in parents(tmp_path, V1, "4:memory:/../above\n")


def test_version_2_counts_if_its_root_has_both_controllers(tmp_path: Path) -> None:
    point = tmp_path / "with blank"
    point.mkdir()
    line = f"40 25 0:30 / {str(point).replace(' ', chr(92) + '040')} rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    (point / "cgroup.controllers").write_text("cpu io memory pids\n")
    assert parents(tmp_path, V1 + line, "0::/user.slice\n")[0] == ("v2", str(point))
    (point / "cgroup.controllers").write_text("hugetlb\n")
    assert [kind for kind, _ in parents(tmp_path, V1 + line, "0::/\n")] == ["v1memory", "v1pids"]


def test_a_host_without_any_has_none(tmp_path: Path) -> None:
    assert parents(tmp_path, V1.splitlines()[0], "") == []


@given(st.text(alphabet=" -/\\0123abc:,\n=", max_size=300))
def test_odd_tables_of_mounts_find_nothing_and_break_nothing(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("proc")
    assert parents(folder, text, "") == []
