"""Compressed logs: one zstd frame, unpacked piece by piece, whatever is in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import DEFAULT_LIMITS, Feature, Limits, LocalProtocolError
from piufarm.protocol.compressed import UNIT_BYTES
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    EndOfSession,
    Features,
    Ok,
    Result,
    SelectSection,
    SlaveMessage,
    Trouble,
)
from piufarm.trouble import TroubleKind
from tests.core.protocol.helpers import Pair, cut, master_hears
from tests.core.protocol.test_features import agreed_pair
from tests.support.scripted_slave import Script, compressed

HEAD = b"section sid\nfeatures\npass liwc 1 zstd %d\n"
BLOCK_BYTES = 128 * 1024  # the most that one block of a frame holds
CUTS = st.lists(st.integers(0, 10_000), max_size=20)
LOGS = st.one_of(
    st.just(b""),
    st.binary(max_size=3000).map(lambda log: log + b"\n"),
    st.builds(lambda piece, count: piece * count + b"\n", st.binary(max_size=40), st.integers(0, 20_000)),
    st.integers(1, 5000).map(lambda count: os.urandom(count) + b"\n"),
)


def log_of(
    frame: bytes, *, length: int | None = None, after: bytes = b"", limits: Limits = DEFAULT_LIMITS
) -> tuple[bytes, bool, str | None]:
    """The log that the master gets out of a frame, whether it is whole, and what went wrong."""
    heard = master_hears([HEAD % (len(frame) if length is None else length), frame, after], limits)
    chunks = [event.data for event in heard.events if isinstance(event, BodyChunk)]
    return b"".join(chunks), BodyEnd() in heard.events, heard.problem


def raw_block(data: bytes, *, last: bool = False) -> bytes:
    """A block that holds bytes as they are."""
    return (len(data) << 3 | last).to_bytes(3, "little") + data


def repeated_block(byte: bytes, count: int, *, last: bool = False) -> bytes:
    """A block of four bytes that holds one byte many times."""
    return (count << 3 | 1 << 1 | last).to_bytes(3, "little") + byte


def frame_of(*blocks: bytes, window_log: int = 17) -> bytes:
    """A frame put together by hand."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3]) + b"".join(blocks)


def bomb(blocks: int) -> bytes:
    """A frame that holds 32,768 times as much as it is long."""
    zeros = repeated_block(b"\0", BLOCK_BYTES)
    return frame_of(*[zeros] * blocks, repeated_block(b"\n", 1, last=True))


@settings(max_examples=200, deadline=None)
@given(LOGS, CUTS, st.integers(1, 12))
def test_every_log_comes_out_byte_for_byte_however_it_is_cut(log: bytes, places: list[int], level: int) -> None:
    frame = zstandard.ZstdCompressor(level=level, write_checksum=True).compress(log)
    wire = HEAD % len(frame) + frame + b"reserve\n"
    whole = master_hears([wire])
    assert master_hears(cut(wire, places)) == whole
    assert b"".join(event.data for event in whole.events if isinstance(event, BodyChunk)) == log
    assert BodyEnd() in whole.events and isinstance(whole.events[-1], EndOfSession)
    assert whole.replies.endswith(b"ok\nok vorbisgain 2.3-4\n")


@settings(max_examples=300, deadline=None)
@given(LOGS, CUTS, st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4), st.binary(max_size=9))
def test_a_damaged_frame_ends_the_same_way_however_it_is_cut(
    log: bytes, places: list[int], damage: list[tuple[int, int]], more: bytes
) -> None:
    frame = bytearray(compressed(log))
    for place, byte in damage:
        frame[place % len(frame)] = byte
    wire = HEAD % len(frame) + frame + more
    small = Limits(body_bytes=100_000, body_lines=200)
    whole = master_hears([wire], small)
    assert master_hears((bytes([byte]) for byte in wire), small) == whole
    assert master_hears(cut(wire, places), small) == whole
    assert whole.problem is not None or isinstance(whole.events[-1], EndOfSession)


@settings(max_examples=200, deadline=None)
@given(LOGS, st.integers(0, 10_000))
def test_a_frame_cut_short_never_makes_a_log(log: bytes, place: int) -> None:
    frame = compressed(log)
    part = frame[: place % len(frame)]
    assert log_of(part, length=len(frame))[1:] == (False, "end of file in the middle of a log")
    if part:
        whole, problem = log_of(part)[1:]
        assert not whole
        assert problem is not None and ("without its end" in problem or "no zstd frame" in problem)


@pytest.mark.parametrize(
    ("frame", "log", "reason"),
    [
        (b"nonsense, not a frame", b"", "no zstd frame"),
        (b"\x28\xb5\x2f", b"", "no zstd frame"),
        (b"\x28\xb5\x2f\xfd" + b"nonsense", b"", "bad zstd frame"),
        (b"\x50\x2a\x4d\x18\x01\x00\x00\x00x", b"", "no zstd frame"),  # one that a decoder is to skip
        (compressed(b"log\n") + b"x", b"log\n", "bytes after the end of the zstd frame"),
        (compressed(b"log\n") + b"x" * 2 * UNIT_BYTES, b"log\n", "bytes after the end of the zstd frame"),
        (compressed(b"log\n") * 2, b"log\n", "bytes after the end of the zstd frame"),
        (compressed(b"") * 100, b"", "bytes after the end of the zstd frame"),
        (zstandard.ZstdCompressor().compress(b"no line feed"), b"no line feed", "log that does not end in LF"),
        (frame_of(raw_block(b"log\n")), b"log\n", "zstd frame without its end"),
        (frame_of(raw_block(b"log\n", last=True), window_log=24), b"", "bad zstd frame"),
        (
            zstandard.ZstdCompressor(
                dict_data=zstandard.ZstdCompressionDict(b"a log " * 99, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            ).compress(b"a log " * 50 + b"\n"),
            b"",
            "bad zstd frame",
        ),
    ],
)
def test_what_is_not_exactly_one_good_frame_with_a_log_in_it_is_refused(
    frame: bytes, log: bytes, reason: str
) -> None:
    received, whole, problem = log_of(frame)
    assert (received, whole) == (log, False)
    assert problem is not None and reason in problem


def test_a_wrong_checksum_is_noticed() -> None:
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(b"log\n")
    assert log_of(frame) == (b"log\n", True, None)
    _, whole, problem = log_of(frame[:-1] + bytes([frame[-1] ^ 1]))
    assert not whole and problem is not None and "bad zstd frame" in problem


def test_the_limits_are_those_of_the_log_and_not_of_the_frame() -> None:
    log = b"12345678\n"
    assert log_of(compressed(log), limits=Limits(body_bytes=40)) == (log, True, None)
    frame = compressed(log * 9)
    assert log_of(frame, limits=Limits(body_bytes=80))[1:] == (False, "log of more than 80 bytes")
    assert log_of(frame, limits=Limits(body_lines=9))[1:] == (True, None)
    assert log_of(frame, limits=Limits(body_lines=8))[1:] == (False, "log of more than 8 lines")


def test_after_a_compressed_log_the_session_goes_on() -> None:
    frame = compressed(b"log\n")
    heard = master_hears([HEAD % len(frame), frame, b"trouble liwc 1 disk\n full\n.\nfail liwc 1\n.\n"])
    assert heard.events == [
        SelectSection("sid"),
        Features(),
        Result(Outcome.PASS, Package("liwc"), Version("1"), len(frame)),
        BodyChunk(b"log\n"),
        BodyEnd(),
        Trouble(Package("liwc"), Version("1"), TroubleKind.DISK),
        BodyChunk(b"full\n"),
        BodyEnd(),
        Result(Outcome.FAIL, Package("liwc"), Version("1")),
        BodyEnd(),
        EndOfSession(),
    ]


def pieces_of(pair: Pair, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What comes out at the master for what goes in at the slave; the last byte of the frame makes the log whole."""
    last: SlaveMessage | None = None
    for piece in pieces:
        for event in pair.slave_says(BodyChunk(piece)):
            assert last != BodyEnd()
            last = event
            yield event.data if isinstance(event, BodyChunk) else b""
    assert last == BodyEnd()
    assert pair.slave_says(BodyEnd()) == []
    assert pair.master.state is pair.slave.state


def test_a_hundred_megabytes_of_zeros_stream_through() -> None:
    size, block = 100_000_000, bytes(1_000_000)
    compressor = zstandard.ZstdCompressor().compressobj()
    frame = b"".join(compressor.compress(block) for _ in range(100)) + compressor.compress(b"\n") + compressor.flush()
    pair = agreed_pair(*Feature)
    pair.slave_says(Result(Outcome.PASS, Package("liwc"), Version("1"), len(frame)))
    pair.master.receive(pair.slave.send(BodyChunk(frame)))
    total = longest = 0
    while isinstance(event := pair.master.next_event(), BodyChunk):
        total, longest = total + len(event.data), max(longest, len(event.data))
    assert event == BodyEnd()
    assert total == size + 1
    assert longest <= 9_000_000
    pair.slave.send(BodyEnd())
    assert pair.master_says(Ok()) == Ok()


def test_a_bomb_ends_at_the_limit_and_never_fills_the_memory() -> None:
    frame = bomb(blocks=40_000)  # 160 kB that hold 5 GB
    pair = agreed_pair(*Feature)
    head = Result(Outcome.PASS, Package("liwc"), Version("1"), len(frame))
    heard = master_hears([HEAD % len(frame), frame], Limits(body_bytes=20_000_000))
    assert heard.problem == "log of more than 20000000 bytes"
    pair.slave_says(head)
    pair.master.receive(frame)
    for _ in range(3):
        event = pair.master.next_event()
        assert isinstance(event, BodyChunk)
        assert len(event.data) <= (UNIT_BYTES // 4 + 1) * BLOCK_BYTES


def test_bytes_that_cannot_be_compressed_come_through_in_bearable_time() -> None:
    log = os.urandom(20_000_000) + b"\n"
    frame = compressed(log)
    pair = agreed_pair(*Feature)
    pair.slave_says(Trouble(Package("liwc"), Version("1"), TroubleKind.OTHER, len(frame)))
    started = time.process_time()
    step = 1 << 18
    pieces = (frame[start : start + step] for start in range(0, len(frame), step))
    assert b"".join(pieces_of(pair, pieces)) == log
    print(f"{len(frame)} bytes in {time.process_time() - started:.1f} s of processor time")


def test_a_slave_must_send_as_many_bytes_as_it_has_told() -> None:
    for more, reason in ((b"x", "1 bytes more"), (b"", "2 bytes less")):
        slave = agreed_pair(Feature.ZSTD).slave
        slave.send(Result(Outcome.PASS, Package("liwc"), Version("1"), 5))
        slave.send(BodyChunk(b"abc"))
        with pytest.raises(LocalProtocolError, match=reason):
            slave.send(BodyChunk(b"de" + more) if more else BodyEnd())


def test_a_master_with_features_gets_plain_logs_with_their_bytes_as_they_are() -> None:
    script = Script()
    script.hear(b"hello\n")
    script.say(SelectSection("sid"))
    script.hear(b"ok\n")
    script.say(Features())
    script.hear(b"ok zstd\n")
    head = Result(Outcome.PASS, Package("liwc"), Version("1"))
    assert b"".join(script.say_with_log(head, b"caf\xe9")) == b"pass liwc 1\n caf\xe9\n.\n"
