"""Logs for masters that take them compressed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

SMALL_BYTES: Final = 8192  # up to here a log is sent as it is
_PIECE: Final = 1 << 18
_IN_MEMORY: Final = 8 << 20  # of a compressed log; what is larger goes to an unnamed file beside the log


@contextmanager
def compressed(log: Path) -> Iterator[tuple[IO[bytes], int] | None]:
    """One zstd frame with a log, ended by LF, and its length; None if it is not worth it, or there is no room."""
    size = log.stat().st_size
    if size <= SMALL_BYTES:
        yield None
        return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(log.parent)) as frame:
        try:
            length = _compress(log, frame)
        except OSError:  # a full disk must not keep a log from the master
            length = size
        frame.seek(0)
        yield (frame, length) if length < size else None


def _compress(log: Path, frame: IO[bytes]) -> int:
    from zstandard import ZstdCompressor  # here, for many masters take none

    compressor = ZstdCompressor(write_checksum=True).compressobj()
    last = b"\n"
    with log.open("rb") as stream:
        while data := stream.read(_PIECE):
            frame.write(compressor.compress(data))
            last = data[-1:]
    if last != b"\n":
        frame.write(compressor.compress(b"\n"))
    frame.write(compressor.flush())
    return frame.tell()
