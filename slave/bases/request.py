"""What a tester asks for when it wants a base image."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.chroot.tree import index_tree

_FORMAT: Final = 5  # of a prepared copy; a new one leaves copies of older programs alone


@dataclass(frozen=True)
class Tarball:
    """A root file system packed as .tar, .tar.gz, .tar.xz or .tar.zst."""

    path: Path


@dataclass(frozen=True)
class Directory:
    """A root file system that lies unpacked on the host; it is never changed: the prepared base is a layer over it."""

    path: Path


@dataclass(frozen=True)
class Bootstrap:
    """A new root file system made from an archive, by mmdebstrap or else debootstrap."""

    suite: str
    mirror: str  # URI of the archive
    components: tuple[str, ...] = ("main",)
    keyring: Path | None = None  # None: the archive's signature is not verified
    include: tuple[str, ...] = ()
    merged_usr: bool | None = None  # None: by the suite's rule (merged since bookworm)
    check_valid_until: bool = True


Source = Tarball | Directory | Bootstrap


@dataclass(frozen=True)
class BaseRequest:
    """A base image as a test needs it; equal requests share one prepared copy in the cache."""

    source: Source
    arch: str
    sources_list: str | None = None  # None: keep the base's own sources
    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)  # path -> (content, mode), placed first
    upgrade: bool = True  # apt-get update and dist-upgrade
    archives: tuple[tuple[str, str], ...] = ()  # (URI, suite): their InRelease decides whether a copy is still fresh
    update_retries: int = 0
    debfoster: tuple[str, ...] | None = None  # arguments of debfoster, to minimise the base; None: not
    packages: tuple[str, ...] = ()  # installed last
    target_release: str | None = None  # what `apt-get -t` gets for them
    shown: tuple[Path, ...] = ()  # directories of the host, at the same place inside

    @property
    def has_extras(self) -> bool:
        """Whether the packages of the base are to be others than those of its source."""
        return self.debfoster is not None or bool(self.packages)

    @property
    def below(self) -> Path | None:
        """The directory that the prepared base is to be a layer over."""
        return self.source.path if isinstance(self.source, Directory) else None


def request_key(request: BaseRequest) -> str:
    """The same for requests that one copy can serve."""
    files = sorted((path, hashlib.sha256(content).hexdigest(), mode) for path, (content, mode) in request.files.items())
    more = (request.debfoster, request.packages, request.target_release, sorted(map(str, request.shown)))
    content = (_FORMAT, _identity(request.source), request.arch, request.sources_list, files, request.upgrade, more)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:24]


def _identity(source: Source) -> tuple[object, ...]:
    match source:
        case Tarball(path):
            status = _status(path)
            return ("Tarball", str(path.resolve()), status.st_size, status.st_mtime_ns)
        case Directory(path):
            _status(path)
            return ("Directory", str(path.resolve()), _digest_of_tree(path))
        case Bootstrap():
            return ("Bootstrap", repr(source))


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise FarmError(f"no base image at {path}: {error.strerror}") from error


def _digest_of_tree(path: Path) -> str:
    """Changes with any change in a directory: its own time says nothing about what lies deeper."""
    known = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name, entry in sorted(index_tree(descriptor).items()):
                known.update(repr((name, entry)).encode("utf-8", "surrogateescape"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise FarmError(f"cannot read the base image at {path}: {error}", hint="is somebody working in it?") from error
    return known.hexdigest()
