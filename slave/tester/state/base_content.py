"""Content and attributes of files as the base has them, read on the host as far as this account may."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from typing import Final

from piufarm.slave.chroot.interface import Base

_NONE_SUCH: Final = (errno.ENOENT, errno.ENOTDIR)


@contextmanager
def _opened(base: Base, path: str) -> Iterator[BufferedReader | None]:
    """A regular file of the base's tree, from the topmost layer that has it; None if it cannot be read."""
    for layer in base.layers:
        try:
            descriptor = os.open(layer / path.lstrip("/"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _NONE_SUCH:
                continue
            break
        with os.fdopen(descriptor, "rb") as stream:
            yield stream if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
        return
    yield None


def base_content(base: Base, path: str) -> bytes | None:
    """What a regular file of the base holds; None if this account cannot read it."""
    with _opened(base, path) as stream:
        return None if stream is None else stream.read()


def base_md5(base: Base, path: str) -> str | None:
    """The MD5 sum of a regular file of the base; None if this account cannot read it."""
    with _opened(base, path) as stream:
        return None if stream is None else hashlib.file_digest(stream, "md5").hexdigest()


def base_attributes(base: Base, path: str) -> Mapping[str, bytes] | None:
    """The extended attributes of an object of the base (a link is not followed), without those of the overlay.

    None if this account cannot read them.
    """
    for layer in base.layers:
        place = layer / path.lstrip("/")
        try:
            names = os.listxattr(place, follow_symlinks=False)
            return {name: os.getxattr(place, name, follow_symlinks=False) for name in names if _is_of_file(name)}
        except OSError as error:
            if error.errno not in _NONE_SUCH:
                break
    return None


def _is_of_file(name: str) -> bool:
    return not name.startswith("trusted.overlay.")
