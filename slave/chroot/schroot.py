"""Chroots for an unprivileged account: schroot makes it root, in namespaces that close with the test.

No schroot session is begun: the chroots are of type plain, without set-up scripts, mounts or anything to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError
from piufarm.run import run
from piufarm.slave.bases.freshness import current_releases
from piufarm.slave.bases.making import bring_up_to_date, place
from piufarm.slave.bases.own_sources import archives_of
from piufarm.slave.bases.prepared import ROOT, PreparedBase
from piufarm.slave.bases.request import BaseRequest
from piufarm.slave.bases.status import STATUS, parse_status
from piufarm.slave.chroot.interface import Base, Changes, Chroot, ChrootLimits, Entry
from piufarm.slave.chroot.launch import Room, chroot_name, launch
from piufarm.slave.chroot.supervised import Kind, SupervisedChroot
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.chroot.tree import compare
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.proxy import proxy_for

CURRENT: Final = f"/current/{ROOT}"  # how the directory of every schroot of ours ends
_HINT: Final = "as root: piufarm slave setup-schroot SUITE --user ACCOUNT"


@dataclass(frozen=True)
class SchrootBackend:
    """Opens bases that came from `schroot_base`; the account has to be in the root-users of that schroot.

    `request` is what the test would have asked of a base of its own: files that the base lacks are placed, and lists
    that are outdated are fetched, at the beginning of each test.
    """

    tmpdir: Path
    network: NetworkAccess | None = None
    request: BaseRequest | None = None
    binds: tuple[Path, ...] = ()  # directories of the host, shown inside at the same place, read-only
    copies: bool = False  # the base, in the place of an overlay over it

    @contextmanager
    def open(self, base: Base, limits: ChrootLimits) -> Iterator[Chroot]:
        """A chroot that is gone, with every process, mount and directory of its own, when the block ends."""
        if not self.tmpdir.is_dir():
            raise FarmError(f"not a directory: {self.tmpdir}", hint="give one with --tmpdir")
        if not isinstance(base, PreparedBase):
            raise FarmError("this base does not belong to a schroot", hint=_HINT)
        name = chroot_name()
        schroot = base.copy.parent.name
        start = launch(
            base=base.root, tmpdir=self.tmpdir.resolve(), name=name, limits=limits, schroot=schroot, binds=self.binds,
            copied=Room.of(base.tree) if self.copies else None,
        )
        supervisor = Supervisor(start, serve=proxy_for(self.network))
        try:
            used = self._renewed(supervisor, base)
            find_changes = partial(_changes, used.tree)
            path, kind = str(self.tmpdir / name), Kind(is_overlay=not self.copies)
            yield SupervisedChroot(
                path, used, supervisor, find_changes, access=self.network, kind=kind, shown=self.binds
            )
        finally:
            supervisor.close()

    def copying(self) -> SchrootBackend:
        """The same with a copy of the base."""
        return replace(self, copies=True)

    def _renewed(self, supervisor: Supervisor, base: PreparedBase) -> Base:
        """The base, or what stands for it after files were placed or lists fetched in this chroot."""
        if self.request is None:
            return base
        placed = place(supervisor, self.request, only_changed=True)
        archives = archives_of(self.request, base.root)
        outdated = self.network and not current_releases(archives, self.network) <= base.facts.releases
        if self.network and self.request.upgrade and (placed or outdated or self.request.has_extras):
            bring_up_to_date(supervisor, self.request, self.network, progress=lambda _: None)
        elif not placed:
            return base
        status = supervisor.read(f"/{STATUS}") or b""
        return _RenewedBase(base.base_id, base.root, supervisor.walk(), parse_status(status, STATUS))


@dataclass(frozen=True)
class _RenewedBase:
    """What a test compares with if its chroot was brought up to date first."""

    base_id: str
    root: Path
    tree: Mapping[str, Entry]
    packages: Mapping[str, str]

    @property
    def layers(self) -> Sequence[Path]:
        """The directories that make up the tree, topmost first."""
        return [self.root]


def _changes(tree: Mapping[str, Entry], supervisor: Supervisor) -> Changes:
    return compare(tree, supervisor.walk())


def settings_of(name: str) -> Mapping[str, str]:
    """The configuration of a schroot. Raises FarmError if there is none of that name."""
    configured = run(["schroot", "--config", "--chroot", name], check=False)
    if configured.status != 0:
        raise FarmError(f"there is no schroot {name}", hint=_HINT)
    lines = configured.stdout.decode(errors="replace").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def is_ours(name: str, settings: Mapping[str, str]) -> bool:
    """Whether `piufarm slave setup-schroot` has made it."""
    directory = settings.get("directory", "")
    is_named_so = Path(directory.removesuffix(CURRENT)).name == name
    return settings.get("type") == "plain" and directory.endswith(CURRENT) and is_named_so


def schroot_base(name: str) -> PreparedBase:
    """The base that `piufarm slave setup-schroot` made under this name, with its metadata.

    Raises FarmError if there is none or it was made by something else.
    """
    settings = settings_of(name)
    if not is_ours(name, settings):
        raise FarmError(f"the schroot {name} is not one of ours", hint=_HINT)
    folder = Path(settings["directory"].removesuffix(CURRENT))
    try:
        return PreparedBase(folder / (folder / "current").readlink())
    except OSError as error:
        raise FarmError(f"the base of schroot {name} cannot be used: {error}", hint=_HINT) from error
