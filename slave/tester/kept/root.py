"""Roots that were kept for people to look at: plain copies, with no process, mount or base that they need.

    TMPDIR/tmpab12cd34/       closed to other accounts: the root may hold setuid programs
        root/                 the root file system as the test left it
        .piufarm.kept         says that this folder is one of ours
        .piuparts.tmpdir      says to scripts that clean up after piuparts that they may remove it
"""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError, UsageError
from piufarm.run import run
from piufarm.slave.chroot.interface import Chroot
from piufarm.slave.chroot.launch import chroot_name, launch
from piufarm.slave.chroot.limits import default_limits
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.trouble import TroubleKind

MARK: Final = ".piufarm.kept"
_REMOVABLE: Final = ".piuparts.tmpdir"
ROOT: Final = "root"


def keep(chroot: Chroot, tmpdir: Path) -> Path:
    """Copy a root to a folder of its name in `tmpdir`; what still runs in it is killed first. Raises FarmError."""
    place = tmpdir / posixpath.basename(chroot.root)
    chroot.kill_processes()
    try:
        place.mkdir(mode=0o700)
        (place / MARK).touch()
        (place / _REMOVABLE).touch()
        (place / ROOT).mkdir()
        run(["cp", "--archive", "--one-file-system", "--reflink=auto", f"/proc/{chroot.host_pid}/root/.", place / ROOT])
    except OSError as error:
        raise FarmError(f"cannot keep the root: {error}", kind=TroubleKind.DISK) from error
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place


def kept_in(tmpdir: Path) -> list[Path]:
    """The folders in a directory that hold a kept root, oldest first."""
    found = [place for place in tmpdir.glob("tmp*") if (place / MARK).is_file()]
    return sorted(found, key=lambda place: place.stat().st_mtime)


def remove(place: Path) -> None:
    """Remove a kept root. Raises UsageError if there is none, OSError."""
    _require(place)
    shutil.rmtree(place / ROOT, ignore_errors=not (place / ROOT).exists())  # the mark last: this may be interrupted
    shutil.rmtree(place)


@contextmanager
def entered(place: Path) -> Iterator[Supervisor]:
    """A kept root with a supervisor in it: what is changed stays changed. Raises UsageError, FarmError."""
    _require(place)
    if os.geteuid() != 0:
        raise UsageError("entering a kept root needs root")
    start = launch(
        base=place / ROOT, tmpdir=place, name=chroot_name(), limits=default_limits(), writable=True
    )
    supervisor = Supervisor(start)
    try:
        yield supervisor
    finally:
        supervisor.close()


def _require(place: Path) -> None:
    if not (place / MARK).is_file() or (place / ROOT).is_symlink():
        raise UsageError(f"no kept root: {place}", hint="`piufarm kept list` names those that there are")
