"""Writing a base out as a tarball."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError
from piufarm.files import current_umask, fsync_directory
from piufarm.run import run
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.launch import chroot_name, launch
from piufarm.slave.chroot.limits import NO_LIMITS
from piufarm.slave.chroot.own_range import words_as_root
from piufarm.slave.chroot.supervisor import Supervisor

_COMPRESSORS: Final = {
    ".gz": "gzip -6",
    ".tgz": "gzip -6",
    ".zst": "zstd -T0 -6",
    ".xz": "xz -T0 -3",
    ".tar": None,
}
_LEFT_OUT: Final = ("./proc/*", "./sys/*", "./var/cache/apt/*.bin", "./tmp/scripts")


def save_tarball(base: PreparedBase, path: Path) -> None:
    """Write the base's tree to `path`; see save_tree. Raises FarmError."""
    with _whole(base) as tree:
        save_tree(tree, path)


def save_tree(tree: Path, path: Path, *, without: Collection[str] = ()) -> None:
    """Write a root file system to `path` (.tar, .tar.gz, .tar.xz or .tar.zst by its name) in one atomic step.

    `without`: directories that do not belong to it. Numeric owners, extended attributes and file capabilities are
    kept. Raises FarmError.
    """
    suffix = path.name.removesuffix(".new")[path.name.removesuffix(".new").rfind(".") :]
    if suffix not in _COMPRESSORS:
        raise FarmError(f"no known tarball format: {path}", hint="end its name in .tar, .tar.gz, .tar.xz or .tar.zst")
    try:
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    except OSError as error:
        raise FarmError(f"cannot write {path}: {error.strerror}") from error
    temporary = Path(name)
    try:
        os.fchmod(descriptor, 0o666 & ~current_umask())
        _pack(tree, temporary, _COMPRESSORS[suffix], without)
        os.fsync(descriptor)
        temporary.replace(path)
        fsync_directory(path.parent)
    finally:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)


@contextmanager
def _whole(base: PreparedBase) -> Iterator[Path]:
    """Where all of a base can be seen: layers are put together in a chroot that does nothing else."""
    *layers, bottom = base.layers
    if not layers:
        yield bottom
        return
    start = launch(base=bottom, layers=layers, tmpdir=base.copy, name=chroot_name(), limits=NO_LIMITS)
    supervisor = Supervisor(start)
    try:
        yield Path(f"/proc/{supervisor.host_pid}/root")
    finally:
        supervisor.close()


def _pack(root: Path, target: Path, compressor: str | None, without: Collection[str]) -> None:
    words: list[str | Path] = [*words_as_root(), "tar", "--create", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    words += ["--sort=name", "--one-file-system", *(f"--exclude={pattern}" for pattern in _LEFT_OUT)]
    words += ["--anchored", "--no-wildcards", *(f"--exclude=.{path}" for path in without)]
    words += ["--use-compress-program", compressor] if compressor else []
    run([*words, "-f", target, "-C", root, "."])
