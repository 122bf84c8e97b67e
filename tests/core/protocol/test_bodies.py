"""Logs on the wire."""

from __future__ import annotations

import time
from itertools import chain
from pathlib import Path

import pytest

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import DEFAULT_LIMITS, NEED_DATA, Limits, MasterConnection, RemoteProtocolError, SlaveConnection
from piufarm.protocol.messages import BodyChunk, BodyEnd, EndOfSession, Hello, Ok, Result, SelectSection, SlaveMessage
from tests.core.protocol.helpers import Pair, master_hears

HEAD = b"section sid\npass liwc 1\n"
RESULT = Result(Outcome.PASS, Package("liwc"), Version("1"))


def log_of(wire: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, bool, str | None]:
    """The log that the master gets out of `wire`, whether it is whole, and what went wrong."""
    heard = master_hears([HEAD, wire], limits)
    chunks = [event.data for event in heard.events if isinstance(event, BodyChunk)]
    return b"".join(chunks), BodyEnd() in heard.events, heard.problem


def wire_of(*pieces: bytes, escape_invalid_utf8: bool = False) -> bytes:
    """What a slave makes of a log given in pieces."""
    slave = SlaveConnection(escape_invalid_utf8=escape_invalid_utf8)
    for line, message in ((b"hello\n", SelectSection("sid")), (b"ok\n", RESULT)):
        slave.receive(line)
        slave.next_event()
        slave.send(message)
    return b"".join(slave.send(BodyChunk(piece)) for piece in pieces) + slave.send(BodyEnd())


@pytest.mark.parametrize(
    ("wire", "log"),
    [
        (b".\n", b""),
        (b" \n.\n", b"\n"),
        (b" .\n.\n", b".\n"),
        (b" ..\n . \n.\n", b"..\n. \n"),
        (b"  two blanks\n.\n", b" two blanks\n"),
        (b" cr\r\n \x00\x0c\x1b[0m\n.\n", b"cr\r\n\x00\x0c\x1b[0m\n"),
        (b" \xff\xfe\n.\n", b"\xff\xfe\n"),
        (b" \xc2\x85\xe2\x80\xa8\n.\n", b"\xc2\x85\xe2\x80\xa8\n"),
    ],
)
def test_a_log_is_stored_byte_for_byte(wire: bytes, log: bytes) -> None:
    assert log_of(wire) == (log, True, None)
    assert wire_of(log) == wire


@pytest.mark.parametrize(
    ("wire", "log", "reason"),
    [
        (b"", b"", "end of file in the middle of a log"),
        (b" half", b"half", "end of file in the middle of a log"),
        (b" line\n", b"line\n", "end of file in the middle of a log"),
        (b" line\n.", b"line\n", "end of file in the middle of a log"),
        (b" line\nnext\n.\n", b"line\n", "without the leading space"),
        (b" line\n\n.\n", b"line\n", "empty line in a log"),
        (b" line\n.\r\n", b"line\n", "without the leading space"),
        (b" line\n..\n", b"line\n", "without the leading space"),
        (b"\tline\n.\n", b"", "without the leading space"),
    ],
)
def test_a_log_that_is_not_whole_or_malformed_never_ends_well(wire: bytes, log: bytes, reason: str) -> None:
    received, whole, problem = log_of(wire)
    assert (received, whole) == (log, False)
    assert problem is not None and reason in problem


def test_the_error_of_a_broken_log_stays() -> None:
    master = MasterConnection()
    master.send(Hello())
    master.receive(b"section sid\n")
    master.next_event()
    master.send(Ok())
    master.receive(b"pass liwc 1\nnonsense\n")
    assert master.next_event() == RESULT
    for _ in range(3):
        with pytest.raises(RemoteProtocolError, match="without the leading space"):
            master.next_event()


def test_the_sender_adds_a_missing_last_line_feed() -> None:
    assert wire_of(b"a\nb") == b" a\n b\n.\n"
    assert wire_of(b"a", b"b") == b" ab\n.\n"
    assert wire_of(b"", b"") == b".\n"
    assert wire_of(b"a\n", b"\n", b"b\n") == b" a\n \n b\n.\n"


def test_towards_a_plain_master_bytes_that_are_not_utf8_are_written_as_hex() -> None:
    assert wire_of(b"caf\xe9\n", escape_invalid_utf8=True) == b" caf\\xe9\n.\n"
    assert wire_of("café\n".encode(), escape_invalid_utf8=True) == " café\n.\n".encode()
    assert wire_of(b"caf\xc3", b"\xa9\n", escape_invalid_utf8=True) == " café\n.\n".encode()
    assert wire_of(b"caf\xc3", b"\n", escape_invalid_utf8=True) == b" caf\\xc3\n.\n"
    assert wire_of(b"caf\xc3", escape_invalid_utf8=True) == b" caf\\xc3\n.\n"


def test_a_log_larger_than_the_limit_is_refused_at_the_limit() -> None:
    assert log_of(b" 12345678\n.\n", Limits(body_bytes=9)) == (b"12345678\n", True, None)
    received, whole, problem = log_of(b" 12345678\n 9\n.\n", Limits(body_bytes=9))
    assert (received, whole, problem) == (b"12345678\n", False, "log of more than 9 bytes")


def test_a_log_with_more_lines_than_the_limit_is_refused_at_the_limit() -> None:
    assert log_of(b" \n \n \n.\n", Limits(body_lines=3)) == (b"\n\n\n", True, None)
    received, whole, problem = log_of(b" \n \n \n \n.\n", Limits(body_lines=3))
    assert (received, whole, problem) == (b"\n\n\n", False, "log of more than 3 lines")


def test_a_session_with_more_requests_than_the_limit_is_ended() -> None:
    heard = master_hears([b"section sid\n" * 4], Limits(requests=3))
    assert len(heard.events) == 3
    assert heard.problem == "more than 3 requests in one session"


def test_the_master_never_holds_a_large_log_in_memory() -> None:
    master = MasterConnection()
    master.send(Hello())
    master.receive(b"section sid\n")
    master.next_event()
    master.send(Ok())
    master.receive(b"pass liwc 1\n ")
    assert master.next_event() == RESULT
    for _ in range(200):
        master.receive(b"no line feed in sight " * 1000)
        event = master.next_event()
        assert isinstance(event, BodyChunk) and len(event.data) == 22_000
        assert master.next_event() is NEED_DATA


def send_through(pair: Pair, log: Path, received: Path) -> list[SlaveMessage]:
    """Send a file in pieces of 256 KiB; the end of what the master heard."""
    last: list[SlaveMessage] = []
    with log.open("rb") as source, received.open("wb") as target:
        pieces = map(BodyChunk, iter(lambda: source.read(1 << 18), b""))
        for message in chain[SlaveMessage]([RESULT], pieces, [BodyEnd()]):
            for event in pair.slave_says(message):
                if isinstance(event, BodyChunk):
                    target.write(event.data)
                else:
                    last.append(event)
    return last


def test_a_hundred_megabytes_come_out_byte_for_byte(tmp_path: Path) -> None:
    block = b"short\n.\n\n a line of usual length in a log, with some text in it\r\n\x1b[1m\x00\xff\xfe\xc3\n..\n"
    log, received = tmp_path / "log", tmp_path / "received"
    log.write_bytes(block * (100_000_000 // len(block) + 1))
    pair = Pair()
    pair.master_says(Hello())
    pair.slave_says(SelectSection("sid"))
    pair.master_says(Ok())
    started = time.process_time()
    assert send_through(pair, log, received) == [RESULT, BodyEnd()]
    print(f"{log.stat().st_size} bytes in {time.process_time() - started:.1f} s of processor time")
    assert received.read_bytes() == log.read_bytes()
    assert pair.master_says(Ok()) == Ok()
    pair.master.receive_eof()
    assert pair.master.next_event() == EndOfSession()
