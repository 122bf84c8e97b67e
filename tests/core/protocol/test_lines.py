"""The exact bytes of every request and reply."""

from __future__ import annotations

import pytest

from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import LocalProtocolError
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    EndOfSession,
    Error,
    Hello,
    Idle,
    Message,
    Ok,
    QueryDepcycle,
    QueryDepends,
    QueryList,
    QueryRecursiveDepends,
    QueryState,
    Recycle,
    Reply,
    Request,
    Reserve,
    Result,
    SelectSection,
    Status,
    Unreserve,
)
from tests.core.protocol.helpers import Pair, master_hears, slave_hears

PACKAGE, VERSION = Package("g++-12"), Version("4:12.2.0-14~deb12u1")

REQUESTS: list[tuple[Request, bytes]] = [
    (SelectSection("tarball/sid"), b"section tarball/sid\n"),
    (Recycle(), b"recycle\n"),
    (Idle(), b"idle\n"),
    (Reserve(), b"reserve\n"),
    (Unreserve(PACKAGE, VERSION), b"unreserve g++-12 4:12.2.0-14~deb12u1\n"),
    (Result(Outcome.PASS, PACKAGE, VERSION), b"pass g++-12 4:12.2.0-14~deb12u1\n"),
    (Result(Outcome.FAIL, PACKAGE, Version("None")), b"fail g++-12 None\n"),
    (Result(Outcome.UNTESTABLE, PACKAGE, VERSION), b"untestable g++-12 4:12.2.0-14~deb12u1\n"),
    (Status(), b"status\n"),
    (QueryState(PACKAGE), b"_state g++-12\n"),
    (QueryDepends(PACKAGE), b"_depends g++-12\n"),
    (QueryRecursiveDepends(PACKAGE), b"_recursive-depends g++-12\n"),
    (QueryDepcycle(PACKAGE), b"_depcycle g++-12\n"),
    (QueryList("unknown"), b"_list unknown\n"),
]

REPLIES: list[tuple[Request, Reply, bytes]] = [
    (SelectSection("sid"), Ok(), b"ok\n"),
    (SelectSection("sid"), Error(), b"error\n"),
    (SelectSection("sid"), Busy(), b"busy\n"),
    (Recycle(), Ok(), b"ok\n"),
    (Recycle(), Error(), b"error\n"),
    (Idle(), Ok(("3685",)), b"ok 3685\n"),
    (Reserve(), Ok(("vorbisgain", "2.3-4")), b"ok vorbisgain 2.3-4\n"),
    (Reserve(), Ok(("alt", "None")), b"ok alt None\n"),
    (Reserve(), Error(), b"error\n"),
    (Unreserve(PACKAGE, VERSION), Ok(), b"ok\n"),
    (Status(), Ok(("unknown=3", "total=3")), b"ok unknown=3 total=3\n"),
    (Status(), Ok(("(recycle)", "unknown=3", "total=3")), b"ok (recycle) unknown=3 total=3\n"),
    (QueryState(PACKAGE), Ok(("foreign:i386", "1")), b"ok foreign:i386 1\n"),
    (QueryDepends(PACKAGE), Ok(("libc6", "libgcc-s1")), b"ok libc6 libgcc-s1\n"),
    (QueryDepends(PACKAGE), Error(), b"error\n"),
    (QueryDepcycle(PACKAGE), Ok(), b"ok\n"),
    (QueryList("unknown"), Ok(), b"ok\n"),
]


def ready_pair() -> Pair:
    pair = Pair()
    pair.master_says(Hello())
    pair.slave_says(SelectSection("sid"))
    pair.master_says(Ok())
    return pair


@pytest.mark.parametrize(("request_", "line"), REQUESTS)
def test_a_request_is_this_line_and_the_master_reads_it_back(request_: Request, line: bytes) -> None:
    pair = ready_pair()
    assert pair.slave.send(request_) == line
    pair.master.receive(line)
    assert pair.master.next_event() == request_


@pytest.mark.parametrize(("request_", "reply", "line"), REPLIES)
def test_a_reply_is_this_line_and_the_slave_reads_it_back(request_: Request, reply: Reply, line: bytes) -> None:
    pair = ready_pair()
    pair.slave_says(request_)
    assert pair.master.send(reply) == line
    pair.slave.receive(line)
    assert pair.slave.next_event() == reply


def test_a_result_is_answered_after_its_log_only() -> None:
    pair = ready_pair()
    pair.slave_says(Result(Outcome.PASS, PACKAGE, VERSION))
    with pytest.raises(LocalProtocolError, match="cannot send Ok in state `body`"):
        pair.master.send(Ok())
    assert pair.slave_says(BodyChunk(b"log\n")) == [BodyChunk(b"log\n")]
    assert pair.slave_says(BodyEnd()) == [BodyEnd()]
    assert pair.master.send(Ok()) == b"ok\n"


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (SelectSection("sid"), Ok(("word",))),
        (Idle(), Error()),
        (Idle(), Ok()),
        (Idle(), Ok(("soon",))),
        (Reserve(), Busy()),
        (Reserve(), Ok(("vorbisgain",))),
        (Reserve(), Ok(("vorbis gain", "1"))),
        (Reserve(), Ok(("../etc", "1"))),
        (Unreserve(PACKAGE, VERSION), Error()),
        (Status(), Ok(("total",))),
        (QueryDepends(PACKAGE), Ok(("a b",))),
        (QueryDepends(PACKAGE), Ok(("",))),
        (QueryDepends(PACKAGE), Ok(("a\nok",))),
    ],
)
def test_the_master_cannot_send_a_reply_that_the_request_does_not_have(request_: Request, reply: Reply) -> None:
    pair = ready_pair()
    pair.slave_says(request_)
    with pytest.raises(LocalProtocolError):
        pair.master.send(reply)


@pytest.mark.parametrize("message", [Reserve(), BodyEnd(), BodyChunk(b""), Recycle()])
def test_the_slave_cannot_speak_before_a_section_is_selected(message: Request | BodyEnd | BodyChunk) -> None:
    pair = Pair()
    pair.master_says(Hello())
    with pytest.raises(LocalProtocolError, match="in state `no section`"):
        pair.slave.send(message)


def test_the_slave_cannot_speak_before_the_greeting() -> None:
    with pytest.raises(LocalProtocolError, match="in state `greeting`"):
        Pair().slave.send(SelectSection("sid"))


@pytest.mark.parametrize("word", ["two words", "", "line\nfeed", " sid"])
def test_the_slave_cannot_send_a_word_with_blanks(word: str) -> None:
    pair = Pair()
    pair.master_says(Hello())
    with pytest.raises(LocalProtocolError, match="blanks"):
        pair.slave.send(SelectSection(word))


@pytest.mark.parametrize(
    "line", [b"  section   sid \n", b"section\tsid\n", b"section sid\r\n", b"\x0bsection\x0csid\n"]
)
def test_the_master_tolerates_any_ascii_blanks_between_words(line: bytes) -> None:
    assert master_hears([line]).events == [SelectSection("sid"), EndOfSession()]


@pytest.mark.parametrize("word", ["../etc", "a//b", "sid\x00", "-x", "x" * 300, "ä"])
def test_a_section_that_cannot_exist_is_a_request_for_an_unknown_section(word: str) -> None:
    heard = master_hears([f"section {word}\n".encode()])
    assert heard.events == [SelectSection(word), EndOfSession()]
    assert SelectSection(word).name is None
    assert SelectSection("tarball/sid").name == "tarball/sid"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"frobnicate\n", "unknown command: 'frobnicate'"),
        (b"RESERVE\n", "unknown command"),
        (b"lease 1\n", "unknown command"),
        (b"reserve\x00\n", "unknown command"),
        (b"\x1b[31mreserve\n", r"unknown command: '\x1b[31mreserve'"),
        (b"reserve now\n", "`reserve` takes 0 arguments, not 1"),
        (b"pass liwc\n", "`pass` takes 2 arguments, not 1"),
        (b"unreserve a 1 x\n", "`unreserve` takes 2 arguments, not 3"),
        (b"pass ../x 1\n", "`pass`: not a Package"),
        (b"pass a_b 1\n", "`pass`: not a Package"),
        (b"pass a 1/2\n", "`pass`: not a Version"),
        (b"pass a ..\n", "`pass`: not a Version"),
        (b"_list \xff\n", "not UTF-8"),
        (b"x" * 2000, "line of more than 1024 bytes"),
        (b"x" * 2000 + b"\n", "line of more than 1024 bytes"),
        (b"reserve", "end of file in the middle of a line"),
        (b" x\n", "unknown command: ' x'"),
        (b".\n", "unknown command"),
    ],
)
def test_a_bad_request_ends_the_session_with_a_reason(line: bytes, reason: str) -> None:
    heard = master_hears([b"section sid\n", line])
    assert heard.events == [SelectSection("sid")]
    assert heard.problem is not None
    assert reason in heard.problem


@pytest.mark.parametrize(
    "line", [b"reserve\n", b"pass a 1\n", b"status\n", b"idle\n", b"recycle\n", b"unreserve a 1\n", b"_list unknown\n"]
)
def test_without_a_section_only_section_is_understood(line: bytes) -> None:
    heard = master_hears([line])
    assert heard.events == []
    assert heard.problem is not None and "in state `no section`" in heard.problem


@pytest.mark.parametrize("refusal", [Error(), Busy()])
def test_a_refused_section_leaves_none_selected(refusal: Reply) -> None:
    pair = ready_pair()
    pair.slave_says(SelectSection("other"))
    assert pair.master_says(refusal) == refusal
    with pytest.raises(LocalProtocolError):
        pair.slave.send(Reserve())
    assert pair.slave_says(SelectSection("sid")) == [SelectSection("sid")]


@pytest.mark.parametrize("end", [b"", b"\n", b"  \t\r\n", b"\nreserve\n", b"\n\xff\xff"])
def test_end_of_file_or_a_blank_line_ends_the_session_quietly(end: bytes) -> None:
    heard = master_hears([b"section sid\n", end])
    assert heard.events == [SelectSection("sid"), EndOfSession()]
    assert heard.problem is None


def test_the_sample_session_of_the_documentation() -> None:
    heard = master_hears([b"section sid\npass liwc 1.2.3-4\n The piuparts\n log file comes\n here\n.\nreserve\n"])
    assert heard.replies == b"hello\nok\nok\nok vorbisgain 2.3-4\n"
    assert heard.events == [
        SelectSection("sid"),
        Result(Outcome.PASS, Package("liwc"), Version("1.2.3-4")),
        BodyChunk(b"The piuparts\nlog file comes\nhere\n"),
        BodyEnd(),
        Reserve(),
        EndOfSession(),
    ]


def asked(request: Request | None) -> Pair:
    """A slave that waits for the reply to `request`, or for the greeting."""
    if request is None:
        return Pair()
    pair = ready_pair()
    pair.slave_says(request)
    return pair


@pytest.mark.parametrize(
    ("request_", "data", "reason"),
    [
        (None, b"", "hung up without a greeting"),
        (None, b"Hello\n", "expected the greeting `hello`, got 'Hello'"),
        (None, b"hello \n", "expected the greeting"),
        (None, b"hello\r\n", "expected the greeting"),
        (None, b"ok\n", "strange greeting"),
        (None, b"Welcome to Debian\nhello\n", "expected the greeting"),
        (Reserve(), b"", "hung up instead of answering `reserve`"),
        (Reserve(), b"ok vorbis", "hung up instead of answering `reserve`"),
        (Reserve(), b"ok vorbisgain\n", "expected `ok PACKAGE VERSION`"),
        (Reserve(), b"ok a/b 1\n", "offered something that cannot be tested"),
        (Reserve(), b"ok  a 1\n", "expected `ok PACKAGE VERSION`"),
        (Reserve(), b"ok a 1 \n", "expected `ok PACKAGE VERSION`"),
        (Reserve(), b"OK a 1\n", "no reply of the protocol"),
        (Reserve(), b"ok a \xff\n", "not UTF-8"),
        (Reserve(), b"hello\n", "strange reply to `reserve`"),
        (Reserve(), b"busy\n", "not allowed here"),
        (Unreserve(PACKAGE, VERSION), b"ok \n", "expected `ok`"),
        (Idle(), b"ok 1.5\n", "expected `ok SECONDS`"),
        (Status(), b"ok\n", "expected `ok STATE=COUNT…`"),
        (SelectSection("sid"), b"ok\nok\n", "speaks without being asked"),
    ],
)
def test_the_slave_says_what_is_wrong_with_a_reply(request_: Request | None, data: bytes, reason: str) -> None:
    events, problem = slave_hears(asked(request_).slave, [data])
    assert problem is not None and reason in problem, (events, problem)


def test_a_reply_longer_than_the_limit_is_refused() -> None:
    _, problem = slave_hears(asked(QueryList("unknown")).slave, [b"ok", b" a" * 3_000_000])
    assert problem is not None and "line of more than 4194304 bytes" in problem


def test_a_master_that_hangs_up_between_requests_ends_the_session() -> None:
    assert slave_hears(ready_pair().slave, []) == ([EndOfSession()], None)


def test_a_master_that_hangs_up_while_a_log_is_sent_is_an_error() -> None:
    slave = asked(Result(Outcome.FAIL, PACKAGE, VERSION)).slave
    events, problem = slave_hears(slave, [])
    assert events == []
    assert problem is not None and "in the middle of the log of `fail g++-12" in problem


def test_a_slave_that_hangs_up_says_nothing() -> None:
    pair = ready_pair()
    assert pair.slave.send(EndOfSession()) == b""
    pair.master.receive_eof()
    ends: list[Message] = [EndOfSession(), EndOfSession()]
    assert [pair.master.next_event(), pair.slave.next_event()] == ends
