"""Making a copy of a base: filling it, placing files, bringing it up to date in a chroot of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError
from piufarm.run import run
from piufarm.slave.bases.commands import run_in_base
from piufarm.slave.bases.extras import add_extras
from piufarm.slave.bases.freshness import current_releases
from piufarm.slave.bases.own_sources import archives_of, reaching
from piufarm.slave.bases.prepared import LAYER, ROOT, PreparedBase, describe
from piufarm.slave.bases.request import BaseRequest, Directory, request_key
from piufarm.slave.bases.unpack import copy_read_parts, fill, link
from piufarm.slave.chroot.interface import CommandResult
from piufarm.slave.chroot.launch import Launch, chroot_name, launch
from piufarm.slave.chroot.limits import NO_LIMITS
from piufarm.slave.chroot.own_range import COVERED, own_range, remove_tree
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.proxy import proxy_for

Progress = Callable[[str], None]

_ACTION: Final = re.compile(rb"^(Inst|Conf|Remv|Purg) ", re.MULTILINE)  # what a simulated apt would do
_SOURCES_PARTS: Final = "etc/apt/sources.list.d"


class UpgradeNeeded(Exception):
    """Packages of a base have newer versions in the archive."""


def make_copy(copy: Path, request: BaseRequest, network: NetworkAccess, progress: Progress) -> None:
    """A copy from nothing but the request. Raises FarmError, OSError."""
    root = _empty_root(copy)
    if request.below is None:
        fill(root, request.source, arch=request.arch, proxy=network.upstream_proxy, progress=progress)
    _finish(copy, request, network, progress, [])


def derive_copy(
    copy: Path, older: PreparedBase, request: BaseRequest, network: NetworkAccess, progress: Progress
) -> None:
    """A copy from an older one of the same request, whose package lists are outdated. Raises FarmError, OSError.

    Mostly the lists are all that is new: apt puts new files in the place of old ones, so that the copy can share the
    others with the older one. Where packages are to be upgraded, whose scripts may write anywhere, nothing is shared.
    """
    root = _empty_root(copy)
    progress(f"renewing {older.copy}")
    link(older.root, root)
    try:
        _finish(copy, request, network, progress, list(older.preparation), only_lists=True)
    except UpgradeNeeded:
        remove_tree(root.parent)
        fill(_empty_root(copy), Directory(older.root), arch=request.arch, proxy=None, progress=progress)
        _finish(copy, request, network, progress, list(older.preparation))


def _empty_root(copy: Path) -> Path:
    """Below a folder that keeps everybody else on the host out: the tree holds setuid programs."""
    root = copy / ROOT
    root.parent.mkdir(mode=0o700)
    root.mkdir(mode=0o755)
    if own := own_range():
        run([*own.within(), "chown", "0:0", root])
    return root


def _finish(
    copy: Path,
    request: BaseRequest,
    network: NetworkAccess,
    progress: Progress,
    done: list[CommandResult],
    *,
    only_lists: bool = False,
) -> None:
    root, below = copy / ROOT, request.below
    archives = archives_of(request, below or root)
    network = reaching(network, archives)
    supervisor = _supervised(copy, request, network)
    try:
        tree = root if below is None else Path(f"/proc/{supervisor.host_pid}/root")
        place(supervisor, request)
        if request.sources_list is not None:
            _remove_other_sources(tree, supervisor)
        if request.upgrade:
            done += bring_up_to_date(supervisor, request, network, progress=progress, only_lists=only_lists)
        supervisor.kill_processes()
        progress("indexing the base")
        facts = describe(
            copy, request_key(request), done, tree=tree, below=below, unseen=request.shown,
            index=supervisor.walk() if own_range() else None,
        )
        if below is not None:
            copy_read_parts(tree, root)
    finally:
        supervisor.close()
    if request.upgrade and not current_releases(archives, network) <= facts.releases:
        raise FarmError(
            "apt does not have the lists that the mirror has", hint="the mirror may be changing just now: try again"
        )


def _supervised(copy: Path, request: BaseRequest, network: NetworkAccess) -> Supervisor:
    try:
        return Supervisor(_start(copy, request), serve=proxy_for(network))
    except FarmError as error:
        if request.below is not None:
            error.hint = "a layer over a directory needs a cache on an ordinary disk: PIUFARM_CACHE names another place"
        raise


def _start(copy: Path, request: BaseRequest) -> Launch:
    """The copy as a root of its own, or as a layer over a directory that stays as it is."""
    name, own = chroot_name(), own_range()
    if request.below is None:
        tmpdir = COVERED if own else copy
        return launch(
            base=copy / ROOT, tmpdir=tmpdir, name=name, limits=NO_LIMITS, writable=True, binds=request.shown, own=own
        )
    store = (copy / LAYER).parent
    return launch(base=request.below, tmpdir=copy, name=name, limits=NO_LIMITS, store=store, binds=request.shown)


def _remove_other_sources(root: Path, supervisor: Supervisor) -> None:
    """Archives that nobody asked for, and that cannot be reached."""
    parts = root / _SOURCES_PARTS
    if parts.is_dir() and not parts.is_symlink():
        for part in parts.iterdir():
            supervisor.remove(f"/{_SOURCES_PARTS}/{part.name}")


def place(supervisor: Supervisor, request: BaseRequest, *, only_changed: bool = False) -> bool:
    """Write the request's files; returns whether anything was written. Raises FarmError."""
    files = dict(request.files)
    if request.sources_list is not None:
        files["/etc/apt/sources.list"] = (request.sources_list.encode(), 0o644)
    if only_changed:
        files = {path: file for path, file in files.items() if supervisor.read(path) != file[0]}
    for path, (content, mode) in sorted(files.items()):
        supervisor.put(path, content, mode=mode)
    return bool(files)


def bring_up_to_date(
    supervisor: Supervisor,
    request: BaseRequest,
    network: NetworkAccess,
    *,
    progress: Progress,
    only_lists: bool = False,
) -> list[CommandResult]:
    """Fetch apt's lists and upgrade; at last apt's own cache, so that it starts quickly in every test.

    Raises FarmError; with `only_lists` UpgradeNeeded instead of upgrading.
    """
    progress("apt-get update")
    update = _update(supervisor, request.update_retries, network)
    progress("apt-get dist-upgrade")
    extras: list[CommandResult] = []
    if only_lists:
        upgrade = run_in_base(supervisor, ["apt-get", "-yf", "--simulate", "dist-upgrade"])
        if _ACTION.search(upgrade.output):
            raise UpgradeNeeded
    else:
        upgrade = run_in_base(supervisor, ["apt-get", "-yf", "dist-upgrade"], network)
        extras = add_extras(supervisor, request, network, progress)
        run_in_base(supervisor, ["apt-get", "clean"])  # the caches, too
    run_in_base(supervisor, ["apt-cache", "gencaches"])
    # With both caches apt writes the one again after each installation, tens of megabytes that no later step reads.
    supervisor.remove("/var/cache/apt/srcpkgcache.bin")
    return [update, upgrade, *extras]


def _update(supervisor: Supervisor, retries: int, network: NetworkAccess) -> CommandResult:
    """Without the option apt is content to keep lists that it could not renew or verify."""
    argv = ["apt-get", "-o", "APT::Update::Error-Mode=any", "update"]
    for _ in range(retries):
        try:
            return run_in_base(supervisor, argv, network)
        except FarmError:
            continue
    return run_in_base(supervisor, argv, network)
