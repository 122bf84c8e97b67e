"""What holds for every input."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import Feature, Holdings, Limits
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    Error,
    Hello,
    Idle,
    Lease,
    Ok,
    QueryDepcycle,
    QueryDepends,
    QueryList,
    QueryRecursiveDepends,
    QueryState,
    Recycle,
    Renew,
    Reply,
    Request,
    Reserve,
    Result,
    SelectSection,
    SlaveMessage,
    Status,
    Trouble,
    Unreserve,
    Why,
)
from piufarm.trouble import TroubleKind
from tests.core.protocol.helpers import Pair, cut, master_hears, slave_hears, usual_answer
from tests.core.protocol.test_compressed import pieces_of
from tests.core.protocol.test_features import agreed_pair
from tests.core.protocol.test_lines import asked
from tests.support.scripted_slave import compressed

PACKAGES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{0,30}", fullmatch=True).map(Package)
VERSIONS = st.one_of(
    st.just("None"), st.from_regex(r"([0-9]:)?[0-9][A-Za-z0-9.+:~-]{0,30}", fullmatch=True)
).map(Version)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b".", b"\n", b"\r", b" ", b"\x00", b"\x1b[", b"\xff", "é".encode(), b"x"])).map(b"".join),
)
KINDS = st.sampled_from([kind for kind in TroubleKind if kind is not TroubleKind.LOST])
REQUESTS: st.SearchStrategy[Request] = st.one_of(
    st.from_regex(r"[a-z][a-z/]{0,9}", fullmatch=True).map(SelectSection),
    st.sampled_from([Recycle(), Idle(), Reserve(), Status()]),
    st.builds(Unreserve, PACKAGES, VERSIONS),
    st.builds(Result, st.sampled_from(Outcome), PACKAGES, VERSIONS),
    st.builds(QueryState, PACKAGES),
    st.builds(QueryDepends, PACKAGES),
    st.builds(QueryRecursiveDepends, PACKAGES),
    st.builds(QueryDepcycle, PACKAGES),
    st.builds(QueryList, st.sampled_from(["unknown", "nonsense"])),
)
WITH_FEATURES: st.SearchStrategy[Request] = st.one_of(
    st.builds(Lease, st.integers(1, 1000)),
    st.just(Renew()),
    st.builds(Trouble, PACKAGES, VERSIONS, KINDS),
    st.builds(Why, PACKAGES),
)
FRAME = compressed(b"log\n")
HEADS = [b"fail a 1 zstd %d\n" % len(FRAME), b"trouble a 1 other zstd %d\n" % len(FRAME), b"pass a 1 zstd 5\n"]
LINES = st.one_of(
    st.sampled_from(
        [
            b"section sid\n", b"reserve\n", b"status\n", b"idle\n", b"recycle\n", b"unreserve a 1\n", b"fail a 1\n",
            b"pass liwc 1.2.3-4\n", b"untestable x\n", b" a line\n", b" \n", b" .\n", b".\n", b".", b"\n", b" ",
            b" \r\n", b".\r\n", b"_list unknown\n", b"_state a\n", b"ok\n", b"x" * 70, b"\n.\n", b"\xff\n", b"\x00",
            b"features\n", b"features\nlease 3\n", b"lease 0\n", b"renew\n", b"trouble a 1 disk\n", b"why a\n",
            b"trouble a 1 gone\n", FRAME, *HEADS, *(head + FRAME for head in HEADS),
        ]
    ),
    st.binary(max_size=20),
)  # fmt: skip
SMALL = Limits(request_bytes=40, body_bytes=60, body_lines=6, requests=12)
WIRES = st.lists(LINES, max_size=25).map(b"".join)
CUTS = st.lists(st.integers(0, 10_000), max_size=20)


@settings(max_examples=600)
@given(WIRES, CUTS)
def test_the_master_hears_the_same_however_the_input_is_cut(wire: bytes, places: list[int]) -> None:
    whole = master_hears([wire], SMALL)
    assert master_hears([bytes([byte]) for byte in wire], SMALL) == whole
    assert master_hears(cut(wire, places), SMALL) == whole


@settings(max_examples=600)
@given(st.sampled_from([b"", b"features\n"]), st.lists(LINES, max_size=15).map(b"".join), CUTS)
def test_the_same_holds_within_a_log(features: bytes, lines: bytes, places: list[int]) -> None:
    wire = b"section sid\n" + features + b"fail a 1\n" + lines
    whole = master_hears([wire], SMALL)
    assert master_hears([bytes([byte]) for byte in wire], SMALL) == whole
    assert master_hears(cut(wire, places), SMALL) == whole


@settings(max_examples=600)
@given(st.lists(LINES, max_size=15).map(b"".join), CUTS)
def test_the_same_holds_where_features_were_agreed_on(lines: bytes, places: list[int]) -> None:
    wire = b"section sid\nfeatures\n" + lines
    whole = master_hears([wire], SMALL)
    assert master_hears([bytes([byte]) for byte in wire], SMALL) == whole
    assert master_hears(cut(wire, places), SMALL) == whole


@given(st.binary(max_size=4096))
def test_garbage_ends_in_a_reason_or_a_quiet_end_and_never_in_another_exception(wire: bytes) -> None:
    heard = master_hears([wire])
    assert heard.problem or heard.events


REPLY_LINES = st.one_of(
    st.sampled_from([b"hello\n", b"ok\n", b"error\n", b"busy\n", b"ok a 1\n", b"ok 5\n", b"ok x=1 total=1\n", b"ok"]),
    st.binary(max_size=20),
)


@settings(max_examples=300)
@given(st.one_of(st.none(), REQUESTS), st.lists(REPLY_LINES, max_size=4).map(b"".join), CUTS)
def test_the_slave_hears_the_same_however_the_input_is_cut(
    request: Request | None, wire: bytes, places: list[int]
) -> None:
    events, problem = slave_hears(asked(request).slave, [wire])
    for pieces in ([bytes([byte]) for byte in wire], list(cut(wire, places))):
        again, problem_again = slave_hears(asked(request).slave, pieces)
        assert again == events
        assert (problem is None) is (problem_again is None)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.booleans())
def test_two_ends_wired_together_always_agree(data: st.DataObject, features: bool) -> None:
    pair = agreed_pair(*Feature) if features else asked(SelectSection("sid"))
    if not features:
        pair.master_says(Ok())
    selected = True
    for request in data.draw(st.lists(st.one_of(REQUESTS, WITH_FEATURES) if features else REQUESTS, max_size=20)):
        if not selected and not isinstance(request, SelectSection):
            continue
        if isinstance(request, Result | Trouble) and features and data.draw(st.booleans()):
            send_compressed(pair, request, data.draw(BODIES), data.draw(CUTS))
        else:
            assert pair.slave_says(request) == [request]
            assert pair.master.state is pair.slave.state
            if isinstance(request, Result | Trouble):
                send_body(pair, data.draw(BODIES), data.draw(CUTS))
        reply = data.draw(replies_to(request))
        assert pair.master_says(reply) == reply
        assert pair.master.state is pair.slave.state
        if isinstance(request, SelectSection):
            selected = isinstance(reply, Ok)


def send_compressed(pair: Pair, head: Result | Trouble, log: bytes, places: list[int]) -> None:
    """Send a compressed log cut at these places, and see that it comes out."""
    frame = compressed(log)
    head = replace(head, compressed_bytes=len(frame))
    assert pair.slave_says(head) == [head]
    received = b"".join(pieces_of(pair, cut(frame, places)))
    assert received == (log if not log or log.endswith(b"\n") else log + b"\n")


def send_body(pair: Pair, body: bytes, places: list[int]) -> bytes:
    """Send a log cut at these places; what the master gets out."""
    received = b""
    messages: list[SlaveMessage] = [*map(BodyChunk, cut(body, places)), BodyEnd()]
    for message in messages:
        for event in pair.slave_says(message):
            received += event.data if isinstance(event, BodyChunk) else b""
            assert isinstance(event, BodyChunk | BodyEnd)
    return received


def replies_to(request: Request) -> st.SearchStrategy[Reply]:
    match request:
        case SelectSection():
            return st.sampled_from([Ok(), Error(), Busy()])
        case Lease() | Renew():
            held = st.lists(st.tuples(PACKAGES, VERSIONS), min_size=isinstance(request, Lease), max_size=5)
            return st.builds(lambda left, pairs: Holdings(left, tuple(pairs)).reply(), st.integers(0, 99999), held)
        case Recycle():
            return st.sampled_from([Ok(), Error()])
        case Reserve():
            return st.one_of(st.just(Error()), st.builds(lambda *words: Ok(words), PACKAGES, VERSIONS))
        case QueryDepends() | QueryRecursiveDepends() | QueryDepcycle() | QueryList():
            return st.one_of(st.just(Error()), st.lists(PACKAGES).map(lambda names: Ok(tuple(names))))
        case _:
            return st.just(usual_answer(request))


@settings(max_examples=300)
@given(BODIES, CUTS)
def test_a_log_comes_out_byte_for_byte_with_the_line_feed_that_it_lacked(body: bytes, places: list[int]) -> None:
    pair = Pair()
    pair.master_says(Hello())
    pair.slave_says(SelectSection("sid"))
    pair.master_says(Ok())
    pair.slave_says(Result(Outcome.FAIL, Package("a"), Version("1")))
    complete = body if not body or body.endswith(b"\n") else body + b"\n"
    assert send_body(pair, body, places) == complete


@settings(max_examples=300)
@given(BODIES, CUTS)
def test_towards_a_plain_master_every_log_is_utf8_and_says_the_same(body: bytes, places: list[int]) -> None:
    pair = Pair(escape_invalid_utf8=True)
    pair.master_says(Hello())
    pair.slave_says(SelectSection("sid"))
    pair.master_says(Ok())
    pair.slave_says(Result(Outcome.FAIL, Package("a"), Version("1")))
    received = send_body(pair, body, places).decode()
    expected = body.decode("utf-8", "backslashreplace")
    assert received == (expected if not body or body.endswith(b"\n") else expected + "\n")
