"""A killed tester, and a killed launcher: the kernel takes everything away with the pipe."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from piufarm.run import PIPE, Child, spawn
from piufarm.slave.bases.prepared import PreparedBase
from tests.slave.chroot.conftest import Opener
from tests.slave.chroot.namespaces import Traces
from tests.slave.chroot.test_hostile import shell
from tests.support.accounts import Account
from tests.support.clone import CLONE
from tests.support.wait import wait_until

# A tester in the middle of a test: a daemon runs, a command runs and floods.
TESTER: Final = """
import sys
from pathlib import Path
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import ChrootLimits, CommandLimits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.schroot import SchrootBackend

kind, copy, tmpdir = sys.argv[1:]
backend = {"overlay": OverlayBackend, "schroot": SchrootBackend}[kind](Path(tmpdir))
with PreparedBase(Path(copy)) as base, backend.open(base, ChrootLimits(64 << 20, 64 << 20, 100)) as chroot:
    chroot.run(["sh", "-c", "setsid sh -c 'while :; do echo x >> /busy; done' & mkdir /kept"], env=CHROOT_ENVIRONMENT)
    print(chroot.host_pid, chroot.root, flush=True)
    limits = CommandLimits(output_bytes=1 << 40)
    chroot.run(["sh", "-c", "trap '' HUP TERM INT PIPE; while :; do yes; done"], env=CHROOT_ENVIRONMENT, limits=limits)
"""


@pytest.fixture
def readable_clone() -> Iterator[Path]:
    """The packages where any account can read them."""
    folder = Path(tempfile.mkdtemp(prefix="piufarm-clone-"))
    folder.chmod(0o755)
    for name in ("piufarm", "slave"):
        shutil.copytree(CLONE / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    yield folder
    shutil.rmtree(folder)


def start(prefix: tuple[str, ...], clone: Path, kind: str, base: PreparedBase, tmpdir: Path) -> tuple[Child, Traces]:
    """A tester at work, and the traces of its chroot."""
    words = [*prefix, "/usr/bin/python3", "-B", "-c", TESTER, kind, str(base.copy), str(tmpdir)]
    environment = {"PATH": os.defpath, "PYTHONPATH": str(clone), "LC_ALL": "C.UTF-8"}
    tester = spawn(words, stdout=PIPE, env=environment)
    assert tester.stdout is not None
    host_pid, root = tester.stdout.readline().decode().split()
    return tester, Traces.of(int(host_pid), root)


@pytest.fixture(params=["overlay", "schroot"])
def running(
    request: pytest.FixtureRequest, readable_clone: Path, tmpdir_of_chroots: Path
) -> Iterator[tuple[Child, Traces]]:
    """A real tester in a process of its own, on schroot as the unprivileged account."""
    prefix: tuple[str, ...] = ()
    base = request.getfixturevalue("plain_base")
    if request.param == "schroot":
        account: Account = request.getfixturevalue("unprivileged_account")
        prefix = account.prefix
        base = request.getfixturevalue("schroot_copy")
    tester, traces = start(prefix, readable_clone, request.param, base, tmpdir_of_chroots)
    yield tester, traces
    if tester.stdout is not None:
        tester.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_of_a_test_whose_tester_was_killed(
    running: tuple[Child, Traces], number: signal.Signals
) -> None:
    tester, traces = running
    assert len(traces.processes()) >= 3
    tester.send_signal(number)
    assert tester.wait(timeout=60) != 0
    traces.must_be_gone()


def test_nothing_is_left_of_a_test_whose_launcher_was_killed(running: tuple[Child, Traces]) -> None:
    tester, traces = running
    outside = [line.split()[0] for line in traces.processes() if f"piufarm chroot {traces.name}" in line]
    os.kill(min(map(int, outside)), signal.SIGKILL)
    assert tester.wait(timeout=60) != 0  # it says that the chroot has ended
    wait_until(lambda: not traces.processes(), "the chroot's processes to end")
    assert traces.mounts() == []


def test_control_groups_of_a_killed_launcher_are_swept_by_a_later_test(opener: Opener) -> None:
    with opener() as chroot:
        traces = Traces.of(chroot.host_pid, chroot.root)
        folders = [Path(group) for group in traces.groups()]
        if not folders:
            assert "processes by cgroup" not in chroot.limited_by
            return
        left = [folder.with_name(folder.name.replace(traces.name, "tmp00000000")) for folder in folders]
    for folder in left:
        folder.mkdir()
        os.utime(folder, (0, 0))
    with opener() as chroot:
        shell(chroot, "true")
    assert [folder for folder in left if folder.exists()] == []
