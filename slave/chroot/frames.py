"""The supervisor's frames, as bytes and back; see perl/frames.pl for the types."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from piufarm.slave.chroot.interface import Entry

_HEAD: Final = struct.Struct(">IcI")
_LENGTH: Final = struct.Struct(">I")
_OBJECT: Final = struct.Struct(">IIIQqII")  # mode, uid, gid, size, mtime in ns, major, minor


class Frame(NamedTuple):
    """One message of the supervisor."""

    kind: str
    number: int
    payload: bytes


def pack_frame(kind: str, number: int, payload: bytes = b"") -> bytes:
    """A frame ready to be written."""
    return _HEAD.pack(len(payload), kind.encode(), number) + payload


def pack_list(*items: str | bytes) -> bytes:
    """A payload that is a list of strings; odd bytes in `str` are surrogate escapes."""
    parts = [os.fsencode(item) for item in items]
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack_list(payload: bytes) -> list[bytes]:
    """The strings of a payload. Raises ValueError if it is not a list."""
    items = []
    offset = 0
    while offset < len(payload):
        item, offset = _string(payload, offset)
        items.append(item)
    return items


def unpack_entries(payload: bytes) -> Iterator[tuple[str, Entry]]:
    """Paths with their entries. Raises ValueError if the payload is something else."""
    offset = 0
    while offset < len(payload):
        path, offset = _string(payload, offset)
        target, offset = _string(payload, offset)
        if offset + _OBJECT.size > len(payload):
            raise ValueError("an entry is cut off")
        mode, uid, gid, size, mtime_ns, major, minor = _OBJECT.unpack_from(payload, offset)
        offset += _OBJECT.size
        link = os.fsdecode(target) if mode & 0o170000 == 0o120000 else None
        yield os.fsdecode(path), Entry(mode, uid, gid, size, link, mtime_ns, os.makedev(major, minor))


def unpack_attributes(payload: bytes) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Paths with their extended attributes. Raises ValueError if the payload is something else."""
    words = iter(unpack_list(payload))
    for path in words:
        try:
            pairs = [(os.fsdecode(next(words)), next(words)) for _ in range(int(next(words)))]
        except StopIteration as error:
            raise ValueError("attributes are cut off") from error
        yield os.fsdecode(path), dict(pairs)


def _string(payload: bytes, offset: int) -> tuple[bytes, int]:
    if offset + _LENGTH.size > len(payload):
        raise ValueError("a length is cut off")
    (length,) = _LENGTH.unpack_from(payload, offset)
    begin = offset + _LENGTH.size
    if begin + length > len(payload):
        raise ValueError("a string is cut off")
    return payload[begin : begin + length], begin + length


class FrameReader:
    """Bytes in, whole frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(self._buffer)
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            frame = Frame(kind.decode("latin-1"), number, bytes(self._buffer[_HEAD.size : end]))
            del self._buffer[:end]
            yield frame
