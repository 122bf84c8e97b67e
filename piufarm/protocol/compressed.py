"""Compressed logs on the wire: one zstd frame whose length the head of the log has told; no dots, no spaces.

The frame is unpacked a few bytes at a time, so that neither end ever has more than a piece of the log in memory, and at
fixed places of the frame, so that the same comes out however it was cut on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from piufarm.protocol.body import Decoded
from piufarm.protocol.errors import LocalProtocolError
from piufarm.protocol.limits import Limits

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionObj

UNIT_BYTES: Final = 256  # of the frame, unpacked at a time: the worst of them are 8 MiB of one repeated byte
_PIECE_BYTES: Final = 256 * 1024  # of the log; a step stops at this much
_MAGIC: Final = b"\x28\xb5\x2f\xfd"  # of the one format of RFC 8878 that holds data


class FrameDecoder:
    """Turns one frame of `frame_bytes` into the log; the same interface as BodyDecoder."""

    def __init__(self, limits: Limits, frame_bytes: int) -> None:
        self._limits = limits
        self._frame_bytes = frame_bytes
        self._unpacked = 0  # bytes of the frame
        self._zstd = _new_decompressor(limits.window_bytes)
        self._bytes = 0
        self._lines = 0
        self._last = b"\n"

    def decode(self, wire: bytes) -> Decoded:
        """The next step from `wire`, which is everything not consumed yet; nothing consumed means: need more."""
        position, size, problem = 0, 0, None
        pieces: list[bytes] = []
        while problem is None and size < _PIECE_BYTES and self._unpacked < self._frame_bytes:
            length = min(UNIT_BYTES, self._frame_bytes - self._unpacked)
            unit = wire[position : position + length]
            if len(unit) < length:
                break
            data, problem = self._unpack(unit)
            position += length
            size += len(data)
            pieces.append(data)
        ended = problem is None and size == 0 and self._unpacked == self._frame_bytes
        if ended and self._last != b"\n":
            return Decoded(position, problem="log that does not end in LF")
        return Decoded(position, b"".join(pieces), ended, problem)

    def _unpack(self, unit: bytes) -> tuple[bytes, str | None]:
        """What comes out of the next bytes of the frame, within the limits, and what is wrong with it."""
        from zstandard import ZstdError

        if self._unpacked == 0 and not unit.startswith(_MAGIC):
            return b"", "no zstd frame"
        self._unpacked += len(unit)
        try:
            data = self._zstd.decompress(unit)
        except ZstdError as error:
            return b"", f"bad zstd frame: {error}"
        data, problem = self._within_limits(data)
        at_end = self._unpacked == self._frame_bytes
        if problem is None and self._zstd.eof and (self._zstd.unused_data or not at_end):
            problem = "bytes after the end of the zstd frame"
        if problem is None and at_end and not self._zstd.eof:
            problem = "zstd frame without its end"
        return data, problem

    def _within_limits(self, data: bytes) -> tuple[bytes, str | None]:
        problem = None
        if self._bytes + len(data) > self._limits.body_bytes:
            data = data[: self._limits.body_bytes - self._bytes]
            problem = f"log of more than {self._limits.body_bytes} bytes"
        self._bytes += len(data)
        self._lines += data.count(b"\n")
        self._last = data[-1:] or self._last
        if self._lines > self._limits.body_lines:
            problem = f"log of more than {self._limits.body_lines} lines"
        return data, problem


class FrameEncoder:
    """Passes the pieces of a frame on; the same interface as BodyEncoder.

    Both raise LocalProtocolError if the frame is not as long as its head has told.
    """

    def __init__(self, frame_bytes: int) -> None:
        self._left = frame_bytes

    def encode(self, data: bytes) -> bytes:
        """The next piece."""
        self._left -= len(data)
        if self._left < 0:
            raise LocalProtocolError(f"{-self._left} bytes more of a compressed log than its head has told")
        return data

    def end(self) -> bytes:
        """Nothing: the length was told before."""
        if self._left:
            raise LocalProtocolError(f"{self._left} bytes less of a compressed log than its head has told")
        return b""


def _new_decompressor(window_bytes: int) -> ZstdDecompressionObj:
    from zstandard import ZstdDecompressor  # here, for most sessions never see a compressed log

    return ZstdDecompressor(max_window_size=window_bytes).decompressobj()
