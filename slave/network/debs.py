"""The cache of .debs that all tests of a host share.

    by-url/ab/abcd…_NAME.deb  as the mirror sent it to the first chroot that asked; apt in each chroot checks its sum

Files appear by rename, complete, and are handed out without asking the mirror again: a version in an archive does not
change. Where one did, apt complains, and `forget` makes the next test fetch it anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote

from piufarm.slave.network.access import NetworkAccess

_NAME_MAX: Final = 150
_NOT_AS_PROMISED: Final = re.compile(r"Failed to fetch (\S+)\s+(?:Hash Sum mismatch|File has unexpected size)")


class DebCache:
    """Finding and keeping .debs. Every method is safe against other processes doing the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_for(self, url: str) -> Path:
        """Where the .deb of this URL is or would be; however its characters are quoted."""
        plain = unquote(url, errors="surrogateescape")
        key = hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        name = "".join(character for character in plain.rpartition("/")[2] if character.isprintable())
        return self._folder / "by-url" / key[:2] / f"{key}_{name[-_NAME_MAX:]}"

    def find(self, url: str) -> BinaryIO | None:
        """The .deb of this URL, open, if it is here."""
        path = self.path_for(url)
        try:
            stream = path.open("rb")
            written = os.fstat(stream.fileno()).st_mtime_ns
            os.utime(path, ns=(time.time_ns(), written))  # what is used is not old
        except OSError:
            return None
        return stream

    @contextmanager
    def writer(self, url: str) -> Iterator[BinaryIO]:
        """The .deb of this URL, which appears when the block ends well and not at all otherwise. Raises OSError."""
        path = self.path_for(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w+b") as stream:
                os.fchmod(descriptor, 0o644)
                yield stream
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def forget_what_apt_refused(output: str, access: NetworkAccess) -> None:
    """Remove the .debs that are not what apt's index promises, as the output of a failed apt names them."""
    cache = DebCache(access.deb_cache)
    for match in _NOT_AS_PROMISED.finditer(output):
        url = access.upstream_of(match[1])
        if url is not None:
            cache.path_for(url).unlink(missing_ok=True)
