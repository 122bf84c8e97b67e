"""Filling an empty directory with a root file system, from whatever source."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, assert_never

from piufarm.errors import FarmError
from piufarm.run import CommandFailed, clean_environment, run
from piufarm.slave.bases.request import Bootstrap, Directory, Source, Tarball
from piufarm.slave.chroot.own_range import own_range, words_as_root

# Dies with its caller, and everything that it started dies with it.
_NAMESPACES: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_DYING: Final = ("setpriv", "--pdeathsig", "KILL")
_TIED: Final = (*_DYING, *_NAMESPACES)
_TAR: Final = ("tar", "--numeric-owner", "--xattrs", "--xattrs-include=*")
_NO_DEVICES: Final = ("--anchored", "--exclude=./dev/*", "--exclude=dev/*")  # a user namespace cannot make them
_NODES: Final = frozenset({"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "fd"})
_READ_PARTS: Final = ("etc", "var/lib/dpkg", "var/lib/apt", "var/cache/apt")
_HOOKS: Final = Path("/usr/share/mmdebstrap/hooks")


def fill(
    root: Path, source: Source, *, arch: str, proxy: str | None, progress: Callable[[str], None] = lambda _: None
) -> None:
    """Make `root`, an empty directory, hold the source's tree. Raises FarmError, OSError."""
    match source:
        case Tarball(path):
            progress(f"unpacking {path}")
            _unpack(path, root)
        case Directory(path):
            progress(f"copying {path}")
            _copy(path, root)
        case Bootstrap():
            progress(f"bootstrapping {source.suite} ({arch}) from {source.mirror}")
            if own_range() is None:
                _bootstrap(source, root, arch, proxy)
            else:
                _bootstrap_in_own_range(source, root, arch, proxy)
        case _:
            assert_never(source)
    if own_range() is None:  # nobody else can make any
        _refuse_devices(root)


def _unpack(tarball: Path, root: Path) -> None:
    """GNU tar leaves out members that would land outside and says so; such a tarball is not taken at all."""
    if not tarball.is_file():
        raise FarmError(f"no such tarball: {tarball}", hint="make one with `piufarm test -s FILE`")
    left_out = _NO_DEVICES if own_range() else ()
    words = (*words_as_root(), *_TIED, *_TAR, *left_out, "--extract", "--preserve-permissions", "--same-owner")
    done = run([*words, "-C", root, "-f", tarball])
    for complaint in ("Removing leading", "Member name contains"):
        if complaint.encode() in done.stderr:
            raise FarmError(f"{tarball} has names that lead out of it: {done.stderr.decode(errors='replace')[:200]}")


def _copy(directory: Path, root: Path) -> None:
    if not directory.is_dir():
        raise FarmError(f"no such directory: {directory}")
    run([*words_as_root(), *_TIED, "cp", "--archive", "--one-file-system", "--reflink=auto", "-T", directory, root])


def copy_read_parts(tree: Path, root: Path) -> None:
    """Copy what is read of a base on the host from a tree that cannot be seen there for long. Raises FarmError."""
    there = [part for part in _READ_PARTS if (tree / part).is_dir()]
    run([*_TIED, "cp", "--archive", "--parents", "--one-file-system", *there, root], cwd=tree)


def link(directory: Path, root: Path) -> None:
    """Make the empty directory `root` hold the tree of `directory`, as hard links to the same files.

    Who changes one of these files other than by putting another in its place changes both trees. Raises FarmError.
    """
    run([*words_as_root(), *_TIED, "cp", "--archive", "--link", "--one-file-system", "-T", directory, root])


def _refuse_devices(root: Path) -> None:
    """Device nodes belong below /dev, and only those that every base has."""
    for directory, _, files, descriptor in os.fwalk(root, follow_symlinks=False):
        below = directory[len(str(root)) :]
        for name in files:
            mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
            harmless = stat.S_ISCHR(mode) and below == "/dev" and name in _NODES
            if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not harmless:
                raise FarmError(f"a base image must not hold the device {below}/{name}", hint="remove it from the base")


def _bootstrap(source: Bootstrap, root: Path, arch: str, proxy: str | None) -> None:
    words: list[str | Path]
    if shutil.which("mmdebstrap"):
        words = [*_mmdebstrap(source, arch, proxy), "--mode=root", "--format=directory", source.suite, root]
        words.append(_sources_line(source))
    else:
        words = _debootstrap(source, root, arch)
    extra = {"TMPDIR": str(root.parent), **({"http_proxy": proxy, "https_proxy": proxy} if proxy else {})}
    _run_bootstrap(source, [*_TIED, *words], extra)
    for folder in ("apt/apt.conf.d", "dpkg/dpkg.cfg.d"):
        (root / "etc" / folder / "99mmdebstrap").unlink(missing_ok=True)


def _bootstrap_in_own_range(source: Bootstrap, root: Path, arch: str, proxy: str | None) -> None:
    """By way of a tarball: folders of the account are closed to the user namespace that mmdebstrap makes."""
    if not shutil.which("mmdebstrap"):
        raise FarmError("without root, bases are made by mmdebstrap alone", hint="install it, or give -b TARBALL")
    tarball = root.parent.parent / "bootstrap.tar"
    words: list[str | Path] = [*_mmdebstrap(source, arch, proxy), "--mode=unshare", "--format=tar"]
    for folder in ("apt/apt.conf.d", "dpkg/dpkg.cfg.d"):
        words.append(f'--customize-hook=rm --force "$1/etc/{folder}/99mmdebstrap"')
    extra = {"http_proxy": proxy, "https_proxy": proxy} if proxy else {}
    _run_bootstrap(source, [*_DYING, *words, source.suite, tarball, _sources_line(source)], extra)
    _unpack(tarball, root)
    tarball.unlink()


def _run_bootstrap(source: Bootstrap, words: list[str | Path], extra: dict[str, str]) -> None:
    try:
        run(words, env=clean_environment(**extra))
    except CommandFailed as error:
        error.hint = f"is {source.suite} on {source.mirror}, signed by {source.keyring or 'anybody'}?"
        raise


def _sources_line(source: Bootstrap) -> str:
    options = f"signed-by={source.keyring}" if source.keyring else "trusted=yes"
    return f"deb [{options}] {source.mirror} {source.suite} {' '.join(source.components)}"


def _mmdebstrap(source: Bootstrap, arch: str, proxy: str | None) -> list[str | Path]:
    """All but how, what, where and from where."""
    words: list[str | Path] = ["mmdebstrap", "--variant=minbase", "--quiet"]
    words.append("--dpkgopt=force-unsafe-io")
    words += [f"--architectures={arch}", f"--components={','.join(source.components)}"]
    words += [f"--include={','.join(source.include)}"] if source.include else []
    words += [f"--aptopt=Acquire::http::Proxy \"{proxy}\""] if proxy else []
    words += [] if source.check_valid_until else ['--aptopt=Acquire::Check-Valid-Until "false"']
    layouts = {None: "maybe-merged-usr", True: "merged-usr", False: "no-merged-usr"}
    layout = _HOOKS / layouts[source.merged_usr]
    words += [f"--hook-dir={layout}"] if layout.is_dir() else []
    return words


def _debootstrap(source: Bootstrap, root: Path, arch: str) -> list[str | Path]:
    words: list[str | Path] = ["debootstrap", "--variant=minbase", f"--arch={arch}"]
    words.append(f"--components={','.join(source.components)}")
    words.append(f"--keyring={source.keyring}" if source.keyring else "--no-check-gpg")
    words += [f"--include={','.join(source.include)}"] if source.include else []
    if source.merged_usr is not None:
        words.append("--merged-usr" if source.merged_usr else "--no-merged-usr")
    return [*words, source.suite, root, source.mirror]
