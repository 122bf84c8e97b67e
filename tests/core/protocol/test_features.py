"""What slave and master may agree on beyond the plain protocol."""

from __future__ import annotations

import pytest

from piufarm.names import InvalidName, Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol import Feature, Holdings, LocalProtocolError, features_reply
from piufarm.protocol.messages import (
    EndOfSession,
    Error,
    Features,
    Hello,
    Lease,
    Ok,
    Renew,
    Reply,
    Request,
    Result,
    SelectSection,
    Trouble,
    Why,
)
from piufarm.trouble import TroubleKind
from tests.core.protocol.helpers import Pair, master_hears, slave_hears

PACKAGE, VERSION = Package("g++-12"), Version("4:12.2.0-14~deb12u1")
ALL = b"section sid\nfeatures\n"

REQUESTS: list[tuple[Request, bytes, set[Feature]]] = [
    (Lease(1), b"lease 1\n", {Feature.LEASE}),
    (Lease(1000), b"lease 1000\n", {Feature.LEASE}),
    (Renew(), b"renew\n", {Feature.LEASE}),
    (
        Trouble(PACKAGE, VERSION, TroubleKind.CHROOT),
        b"trouble g++-12 4:12.2.0-14~deb12u1 chroot\n",
        {Feature.TROUBLE},
    ),
    (
        Trouble(PACKAGE, VERSION, TroubleKind.OTHER, 12),
        b"trouble g++-12 4:12.2.0-14~deb12u1 other zstd 12\n",
        {Feature.TROUBLE, Feature.ZSTD},
    ),
    (
        Result(Outcome.PASS, PACKAGE, Version("None"), 268435456),
        b"pass g++-12 None zstd 268435456\n",
        {Feature.ZSTD},
    ),
    (Result(Outcome.FAIL, Package("zstd"), Version("1"), 9), b"fail zstd 1 zstd 9\n", {Feature.ZSTD}),
    (Result(Outcome.UNTESTABLE, PACKAGE, Version("1"), 1), b"untestable g++-12 1 zstd 1\n", {Feature.ZSTD}),
    (Why(PACKAGE), b"why g++-12\n", {Feature.WHY}),
]


def agreed_pair(*offered: Feature) -> Pair:
    """Both ends with a section selected and these features agreed on."""
    pair = Pair()
    pair.master_says(Hello())
    pair.slave_says(SelectSection("sid"))
    pair.master_says(Ok())
    pair.slave_says(Features())
    pair.master_says(features_reply(offered))
    assert pair.master.features == pair.slave.features == set(offered)
    return pair


@pytest.mark.parametrize(("request_", "line", "needed"), REQUESTS)
def test_each_request_has_exactly_these_bytes(request_: Request, line: bytes, needed: set[Feature]) -> None:
    pair = agreed_pair(*needed)
    assert pair.slave.send(request_) == line
    pair.master.receive(line)
    assert pair.master.next_event() == request_


@pytest.mark.parametrize(("request_", "line", "needed"), REQUESTS)
def test_without_its_feature_a_request_can_neither_be_sent_nor_understood(
    request_: Request, line: bytes, needed: set[Feature]
) -> None:
    for missing in needed:
        slave = agreed_pair(*set(Feature) - {missing}).slave
        with pytest.raises(LocalProtocolError, match=f"has not said that it knows {missing}"):
            slave.send(request_)
    heard = master_hears([b"section sid\n", line])
    assert heard.events == [SelectSection("sid")]
    verb = line.split()[0].decode()
    assert heard.problem is not None
    assert (f"`{verb}` takes" if isinstance(request_, Result) else "unknown command") in heard.problem


def test_the_reply_names_what_is_offered_in_a_fixed_order() -> None:
    assert features_reply({Feature.WHY, Feature.LEASE}) == Ok(("lease", "why"))
    assert features_reply(()) == Ok()
    assert master_hears([ALL]).replies == b"hello\nok\nok lease trouble zstd why\n"


def test_a_slave_ignores_features_that_it_does_not_know() -> None:
    pair = agreed_pair()
    pair.slave_says(Features())
    pair.master_says(Ok(("teleport", "zstd")))
    assert pair.slave.features == {Feature.ZSTD}


def test_what_was_agreed_on_holds_for_every_section_of_the_connection() -> None:
    pair = agreed_pair(Feature.LEASE)
    pair.slave_says(SelectSection("other"))
    pair.master_says(Ok())
    assert pair.slave_says(Lease(5)) == [Lease(5)]


def test_features_need_a_section() -> None:
    heard = master_hears([b"features\n"])
    assert heard.problem is not None and "in state `no section`" in heard.problem


def test_requests_may_be_sent_before_the_features_were_answered() -> None:
    heard = master_hears([ALL + b"lease 2\nrenew\nwhy liwc\n"])
    assert heard.events[2:] == [Lease(2), Renew(), Why(Package("liwc")), EndOfSession()]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"features now\n", "`features` takes 0 arguments, not 1"),
        (b"lease\n", "`lease` takes 1 arguments, not 0"),
        (b"lease 0\n", "`lease` takes a number from 1 to 1000, not '0'"),
        (b"lease 1001\n", "`lease` takes a number from 1 to 1000, not '1001'"),
        (b"lease -1\n", "`lease` takes a number"),
        (b"lease 01\n", "`lease` takes a number"),
        (b"lease \xd9\xa1\n", "`lease` takes a number"),
        (b"renew a 1\n", "`renew` takes 0 arguments"),
        (b"trouble a 1\n", "`trouble` takes 3 arguments, not 2"),
        (b"trouble a 1 boredom\n", "'boredom' is none of network mirror disk chroot timeout killed other"),
        (b"trouble a 1 lost\n", "'lost' is none of"),
        (b"trouble ../a 1 disk\n", "`trouble`: not a Package"),
        (b"trouble a 1 disk zstd\n", "`trouble` takes 3 arguments, not 4"),
        (b"trouble a 1 disk gzip 5\n", "`trouble` takes 3 arguments, not 5"),
        (b"pass a 1 zstd\n", "`pass` takes 2 arguments, not 3"),
        (b"pass a 1 zstd 0\n", "not the length of a compressed log: '0'"),
        (b"pass a 1 zstd 1e3\n", "not the length of a compressed log"),
        (b"pass a 1 zstd 9999999999999999999\n", "not the length of a compressed log"),
        (b"pass a 1 zstd 268435457\n", "log of more than 268435456 bytes"),
        (b"unreserve a 1 zstd 5\n", "`unreserve` takes 2 arguments, not 4"),
        (b"why\n", "`why` takes 1 arguments"),
        (b"why ../x\n", "`why`: not a Package"),
    ],
)
def test_a_bad_request_ends_the_session_with_a_reason(line: bytes, reason: str) -> None:
    heard = master_hears([ALL, line])
    assert heard.events == [SelectSection("sid"), Features()]
    assert heard.problem is not None and reason in heard.problem


HELD = ((Package("liwc"), Version("1")), (Package("alone"), Version("None")))


@pytest.mark.parametrize(
    ("request_", "reply", "line"),
    [
        (Lease(3), Holdings(1800, HELD).reply(), b"ok 1800 liwc 1 alone None\n"),
        (Lease(3), Error(), b"error\n"),
        (Renew(), Holdings(1800).reply(), b"ok 1800\n"),
        (Renew(), Holdings(7, HELD).reply(), b"ok 7 liwc 1 alone None\n"),
        (Why(PACKAGE), Ok(("liwc", "waits", "for", "libc6.")), b"ok liwc waits for libc6.\n"),
        (Why(PACKAGE), Error(), b"error\n"),
    ],
)
def test_each_reply_has_exactly_these_bytes(request_: Request, reply: Reply, line: bytes) -> None:
    pair = agreed_pair(*Feature)
    pair.slave_says(request_)
    assert pair.master.send(reply) == line
    pair.slave.receive(line)
    assert pair.slave.next_event() == reply


def test_holdings_are_the_same_on_both_sides() -> None:
    assert Holdings.of(Holdings(60, HELD).reply()) == Holdings(60, HELD)
    with pytest.raises(ValueError, match="a package without a version"):
        Holdings.of(Ok(("60", "liwc")))
    with pytest.raises(InvalidName):
        Holdings.of(Ok(("60", "../liwc", "1")))


@pytest.mark.parametrize(
    ("request_", "line", "reason"),
    [
        (Features(), b"ok LEASE\n", "expected `ok [NAME…]`"),
        (Features(), b"error\n", "not allowed here"),
        (Lease(1), b"ok\n", "expected `ok SECONDS PACKAGE VERSION…`"),
        (Lease(1), b"ok 1800\n", "expected `ok SECONDS PACKAGE VERSION…`"),
        (Lease(1), b"ok 1800 liwc\n", "expected `ok SECONDS PACKAGE VERSION…`"),
        (Lease(1), b"ok liwc 1\n", "expected `ok SECONDS PACKAGE VERSION…`"),
        (Lease(1), b"ok 1800 ../liwc 1\n", "offered something that cannot be tested"),
        (Lease(1), b"busy\n", "not allowed here"),
        (Renew(), b"ok\n", "expected `ok SECONDS [PACKAGE VERSION…]`"),
        (Renew(), b"ok 1800 a\n", "expected `ok SECONDS [PACKAGE VERSION…]`"),
        (Renew(), b"error\n", "not allowed here"),
        (Why(PACKAGE), b"ok\n", "expected `ok SENTENCE`"),
        (Why(PACKAGE), b"ok two  blanks\n", "expected `ok SENTENCE`"),
    ],
)
def test_the_slave_says_what_is_wrong_with_a_reply(request_: Request, line: bytes, reason: str) -> None:
    pair = agreed_pair(*Feature)
    pair.slave_says(request_)
    _, problem = slave_hears(pair.slave, [line])
    assert problem is not None and reason in problem


def test_a_master_cannot_say_what_a_slave_would_not_understand() -> None:
    pair = agreed_pair(*Feature)
    pair.slave_says(Lease(1))
    with pytest.raises(LocalProtocolError, match="expected `ok SECONDS PACKAGE VERSION…`"):
        pair.master.send(Holdings(1800).reply())


def test_a_master_that_drops_the_connection_on_features_is_told_from_one_that_answers() -> None:
    pair = Pair()
    pair.master_says(Hello())
    pair.slave_says(SelectSection("sid"))
    pair.master_says(Ok())
    pair.slave.send(Features())
    events, problem = slave_hears(pair.slave, [])
    assert events == []
    assert problem == "the master hung up instead of answering `features`"
