"""Making a layer: dependencies alone, installed in a clean chroot; it is refused where that could be told later.

The chroot writes where the layer is going to stay, so that nothing has to be copied. What a test can write is bounded
by a tmpfs; here the disk has to be watched.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Base, Changes, ChrootLimits, CommandLimits, CommandResult
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.supervised import SupervisedChroot
from piufarm.slave.chroot.upper import UpperLayer
from piufarm.slave.layers.shelf import ROOT, LayerFacts, Way
from piufarm.slave.layers.stack import composed, laid_over

_INFO: Final = "/var/lib/dpkg/info/"
_ARCHIVES: Final = "/var/cache/apt/archives/"
_QUERY: Final = ("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\\t${Package}\\t${Version}\\n")
_UPPER: Final = "upper"
_WORK: Final = "work"  # beside it, for the kernel
_LOOK_EVERY_SECONDS: Final = 0.5


class NoLayer(Exception):
    """These packages cannot be a layer; says why."""


@dataclass(frozen=True)
class Workshop:
    """Where a layer is made: on a base, over the layers that `backend` has."""

    backend: OverlayBackend
    base: Base
    limits: ChrootLimits
    command_limits: CommandLimits
    apt_options: Sequence[str] = ()

    def make(self, way: Way, new: Path) -> tuple[LayerFacts, Changes]:
        """Install the last packages of the way on the layers of the others, and put what that writes into `new`.

        Returns what is known of the layer, and how the base differs with it. Raises NoLayer, FarmError, OSError.
        """
        backend = replace(self.backend, store=new)
        with backend.open(self.base, self.limits) as chroot, self._bounded(chroot, new):
            names = [f"{name}={version}" for name, version in sorted(way[-1].items())]
            words = ["-y", *self.apt_options, "-o", "APT::Get::Mark-Auto=yes", "install", *names]
            installing = self._run(chroot, "apt-get", *words, network=True)
            self._look(chroot, {name: version for packages in way for name, version in packages.items()})
            self._tidy(chroot)
            shown = chroot.shown
        (new / _UPPER).rename(new / ROOT)
        shutil.rmtree(new / _WORK)
        self._remove_places(shown, new / ROOT)
        changes = self._changes(new / ROOT)
        size = sum(entry.size for entry in changes.after.values())
        return LayerFacts(way, (installing,), size), changes

    @contextmanager
    def _bounded(self, chroot: SupervisedChroot, folder: Path) -> Iterator[None]:
        """End the chroot once the disk has lost more than a test may write. Raises NoLayer then."""
        if not self.limits.disk_bytes:
            yield
            return
        most = _free_bytes(folder) - self.limits.disk_bytes
        over, full = threading.Event(), threading.Event()
        first = os.pidfd_open(chroot.host_pid)  # all others end with it

        def watch() -> None:
            while not over.wait(_LOOK_EVERY_SECONDS):
                if _free_bytes(folder) < most:
                    full.set()
                    signal.pidfd_send_signal(first, signal.SIGKILL)
                    return

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield
        except (FarmError, NoLayer) as error:
            if full.is_set():
                raise NoLayer("they take up too much of the disk") from error
            raise
        finally:
            over.set()
            watching.join()
            os.close(first)

    def _run(self, chroot: SupervisedChroot, *argv: str, network: bool = False) -> CommandResult:
        result = chroot.run(argv, env=CHROOT_ENVIRONMENT, limits=self.command_limits, network=network)
        if result.status != 0 or result.stopped_by is not None:
            raise NoLayer(f"`{' '.join(argv[:4])} …` failed with status {result.status}")
        return result

    def _look(self, chroot: SupervisedChroot, wanted: Mapping[str, str]) -> None:
        """What a test would find in these packages alone it has to find each time: then there is no layer."""
        lines = self._run(chroot, *_QUERY).output.decode("utf-8", "surrogateescape").splitlines()
        present = [tuple(line.split("\t")) for line in lines]
        base = {name.partition(":")[0]: version for name, version in self.base.packages.items()}
        expected = sorted(("ii ", name, version) for name, version in {**base, **wanted}.items())
        if sorted(present) != expected:
            raise NoLayer("apt has installed something else")
        if chroot.processes():
            raise NoLayer("processes are running")
        sums = [path for path in chroot.changes().after if path.startswith(_INFO) and path.endswith(".md5sums")]
        if sums:
            self._run(chroot, "md5sum", "--check", "--quiet", *sums)

    def _tidy(self, chroot: SupervisedChroot) -> None:
        """No .debs, and a cache of apt that is up to date."""
        for path in chroot.changes().after:
            if path.startswith(_ARCHIVES) and path.endswith(".deb"):
                chroot.remove(path)
        self._run(chroot, "apt-cache", "gencaches")
        chroot.remove("/var/cache/apt/srcpkgcache.bin")

    def _remove_places(self, shown: Sequence[str], layer: Path) -> None:
        """What was made to hold directories of the host is no part of the layer."""
        there = laid_over(self.base.tree, self.backend.stack.below)
        for path in map(PurePosixPath, shown):
            for place in (path, *path.parents):
                if str(place) in there:
                    break
                (layer / place.relative_to("/")).rmdir()

    def _changes(self, layer: Path) -> Changes:
        below = self.backend.stack.below
        descriptor = os.open(layer, os.O_RDONLY | os.O_DIRECTORY)
        try:
            changes = UpperLayer(laid_over(self.base.tree, below)).changes(descriptor)
        finally:
            os.close(descriptor)
        return composed(self.base.tree, below, changes)


def _free_bytes(folder: Path) -> int:
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize
