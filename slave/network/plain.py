"""Copies of cached .debs whose files are not compressed: uncompressing is most of what installing a package costs.

dpkg gets them in the place of the originals, after apt has verified those:

    plain/KEY/NAME.deb     KEY: the very file of the cache of .debs that it was made from; NAME: what apt calls it
    plain/views/tmpXXXX/   links to what apt fetched in one chroot, which sees this folder, read-only

In the chroot, $PIUFARM_DEBS names the view; apt's settings (HOOKS) let dpkg find links to it among apt's archives.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    import tarfile

VARIABLE: Final = "PIUFARM_DEBS"
# apt runs the first with the paths of the .debs on stdin, before dpkg; the second after it.
HOOKS: Final = {
    "DPkg::Pre-Install-Pkgs": (
        f"if cd ${{{VARIABLE}:-/-}} 2>/dev/null; then while read -r f; do n=${{f##*/}}; d=${{f%/*}}; "
        "test -e $n && set -- $* $PWD/$n; done; test -z $1 || ln -sft $d $*; fi; true"
    ),
    "DPkg::Post-Invoke": f"test -z ${VARIABLE} || find /var/cache/apt/archives -maxdepth 1 -type l -delete; true",
}
_LEAST_BYTES: Final = 100_000  # of a .deb that is worth it
_MOST_BYTES: Final = 60_000_000  # of one that is uncompressed before apt loses patience
_OLD_SECONDS: Final = 24 * 3600  # of a view whose chroot is certainly gone
_PIECE: Final = 1 << 18
_MAGIC: Final = b"!<arch>\n"
_HEADER: Final = 60
_TO_QUOTE: Final = re.compile(r"[^!-$&-9;-^`-~]")  # what apt quotes in names of files: blanks, %, :, _


class _NotPlain(Exception):
    """A .deb that cannot be had without compression."""


def _quoted(text: str) -> str:
    return _TO_QUOTE.sub(lambda match: f"%{ord(match[0]):02x}", text)


@dataclass(frozen=True)
class View:
    """What one chroot sees of the copies."""

    folder: Path
    store: Path
    wanted: Collection[str]  # URLs, unquoted, of .debs that are worth a copy: others are going to need them, too

    def offer(self, url: str, original: BinaryIO) -> None:
        """Let dpkg have a copy of this .deb, if there is one or there is to be one. Failing changes nothing."""
        status = os.fstat(original.fileno())
        if not _LEAST_BYTES < status.st_size < _MOST_BYTES:
            return
        place = self.store / f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"
        with suppress(OSError, _NotPlain, lzma.LZMAError, EOFError, ValueError):
            if not place.is_dir():
                if unquote(url) not in self.wanted:
                    return
                _make(original, place)
            (copy,) = place.iterdir()
            os.utime(place)
            os.link(copy, self.folder / copy.name)


@contextmanager
def view(store: Path, name: str, wanted: Collection[str]) -> Iterator[View]:
    """A folder for a chroot of this name; gone when the block ends. Raises OSError."""
    views = store / "views"
    views.mkdir(parents=True, exist_ok=True)
    for old in views.iterdir():
        with suppress(OSError):
            if old.stat().st_mtime < time.time() - _OLD_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    folder = views / name
    folder.mkdir()
    try:
        yield View(folder, store, wanted)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_room(store: Path, room_bytes: int) -> None:
    """Remove the copies that were used least recently until the others fit."""
    kept = []
    for place in store.iterdir() if store.is_dir() else ():
        with suppress(OSError):
            if place.name != "views":
                size = sum(file.stat().st_size for file in place.iterdir())
                kept.append((place.stat().st_mtime, size, place))
    total = sum(size for _, size, _ in kept)
    for _, size, place in sorted(kept):
        if total > room_bytes:
            shutil.rmtree(place, ignore_errors=True)
            total -= size


def _make(original: BinaryIO, place: Path) -> None:
    """The copy of an original, which appears by rename."""
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        new.chmod(0o755)
        with (new / "deb").open("w+b") as copy:
            name = _copy(original, copy)
        (new / "deb").rename(new / name)
        (new / name).chmod(0o644)
        new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _copy(original: BinaryIO, copy: BinaryIO) -> str:
    """Write a .deb (deb(5): an ar archive of three members) without compression; returns what apt calls it."""
    original.seek(0)
    if original.read(len(_MAGIC)) != _MAGIC:
        raise _NotPlain
    copy.write(_MAGIC)
    name = ""
    while header := original.read(_HEADER):
        member, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        if member.startswith("control.tar"):
            content = original.read(size)
            name = _name(content)
            copy.write(header + content)
        elif member == "data.tar.xz":
            _uncompress(original, size, copy)
            size = 0
        elif member.startswith("data.tar"):
            raise _NotPlain
        else:
            copy.write(header + original.read(size))
        if size % 2:
            copy.write(original.read(1))
    if not name:
        raise _NotPlain
    return name


def _name(control_tar: bytes) -> str:
    import tarfile  # costs 10 ms, and mostly the copies are there

    try:
        return _name_in(tarfile.open(fileobj=io.BytesIO(control_tar)))
    except tarfile.TarError as error:
        raise _NotPlain from error


def _name_in(archive: tarfile.TarFile) -> str:
    with archive:
        for path in ("./control", "control"):
            with suppress(KeyError):
                stream = archive.extractfile(path)
                fields = dict(
                    line.split(": ", 1) for line in (stream or io.BytesIO()).read().decode().split("\n") if ": " in line
                )
                return "_".join(_quoted(fields[key].strip()) for key in ("Package", "Version", "Architecture")) + ".deb"
    raise _NotPlain


def _uncompress(original: BinaryIO, size: int, copy: BinaryIO) -> None:
    """The member with its header, whose size is known only afterwards."""
    start = copy.tell()
    copy.write(b" " * _HEADER)
    decompressor, left, written = lzma.LZMADecompressor(), size, 0
    while left:
        piece = original.read(min(_PIECE, left))
        if not piece:
            raise _NotPlain
        left -= len(piece)
        written += copy.write(decompressor.decompress(piece))
    if not decompressor.eof or decompressor.unused_data:
        raise _NotPlain
    if size % 2:
        original.read(1)
    if written % 2:
        copy.write(b"\n")
    copy.seek(start)
    copy.write(b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (b"data.tar", 0, 0, 0, b"100644", written))
    copy.seek(0, io.SEEK_END)
