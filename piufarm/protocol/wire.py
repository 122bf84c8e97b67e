"""The lines of the protocol: messages to bytes and back; no states, no buffers.

A request is words parted by blanks (space, tab, CR, VT, FF; more than one, leading and trailing ones are tolerated).
A reply is words parted by exactly one space. All lines end in LF. Words of verbs are case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from piufarm.names import InvalidName, Package, Version
from piufarm.outcome import Outcome
from piufarm.protocol.features import NO_FEATURES, Feature
from piufarm.protocol.holdings import Holdings
from piufarm.protocol.limits import LEASE_MAX
from piufarm.protocol.messages import (
    Busy,
    Error,
    Features,
    Hello,
    Idle,
    Lease,
    MasterMessage,
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
    Status,
    Trouble,
    Unreserve,
    Why,
)
from piufarm.protocol.states import State
from piufarm.trouble import TroubleKind

_SHOWN: Final = 80  # characters of a bad line that an error message quotes


class Malformed(ValueError):
    """A line that is no message; the text says why."""


def shown(line: bytes) -> str:
    """A line of the peer's, made safe and short for an error message."""
    text = line.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


_Parser = Callable[[Sequence[str]], Request]
_COMPRESSED: Final = "zstd"  # the last word but one of a head, before the length of the frame
_LENGTH: Final = re.compile(r"[1-9][0-9]{0,17}")


def _result(outcome: Outcome) -> _Parser:
    return lambda words: Result(outcome, Package(words[0]), Version(words[1]), *map(_length, words[2:]))


def _trouble(words: Sequence[str]) -> Trouble:
    kinds = [kind for kind in TroubleKind if kind is not TroubleKind.LOST]
    if words[2] not in kinds:
        raise Malformed(f"`trouble`: {shown(words[2].encode())} is none of {' '.join(kinds)}")
    return Trouble(Package(words[0]), Version(words[1]), TroubleKind(words[2]), *map(_length, words[3:]))


def _lease(words: Sequence[str]) -> Lease:
    if not _LENGTH.fullmatch(words[0]) or int(words[0]) > LEASE_MAX:
        raise Malformed(f"`lease` takes a number from 1 to {LEASE_MAX}, not {shown(words[0].encode())}")
    return Lease(int(words[0]))


def _length(word: str) -> int:
    if not _LENGTH.fullmatch(word):
        raise Malformed(f"not the length of a compressed log: {shown(word.encode())}")
    return int(word)


_REQUESTS: Final[Mapping[str, tuple[int, _Parser]]] = MappingProxyType(
    {  # verb: number of arguments, how they become a request
        "section": (1, lambda words: SelectSection(words[0])),
        "recycle": (0, lambda words: Recycle()),
        "idle": (0, lambda words: Idle()),
        "reserve": (0, lambda words: Reserve()),
        "unreserve": (2, lambda words: Unreserve(Package(words[0]), Version(words[1]))),
        "pass": (2, _result(Outcome.PASS)),
        "fail": (2, _result(Outcome.FAIL)),
        "untestable": (2, _result(Outcome.UNTESTABLE)),
        "status": (0, lambda words: Status()),
        "_state": (1, lambda words: QueryState(Package(words[0]))),
        "_depends": (1, lambda words: QueryDepends(Package(words[0]))),
        "_recursive-depends": (1, lambda words: QueryRecursiveDepends(Package(words[0]))),
        "_depcycle": (1, lambda words: QueryDepcycle(Package(words[0]))),
        "_list": (1, lambda words: QueryList(words[0])),
        "features": (0, lambda words: Features()),
        "lease": (1, _lease),
        "renew": (0, lambda words: Renew()),
        "trouble": (3, _trouble),
        "why": (1, lambda words: Why(Package(words[0]))),
    }
)


VERBS: Final = tuple(_REQUESTS)
_FEATURE_OF: Final[Mapping[str, Feature]] = MappingProxyType(
    {"lease": Feature.LEASE, "renew": Feature.LEASE, "trouble": Feature.TROUBLE, "why": Feature.WHY}
)
_WITH_LOG: Final = frozenset({"pass", "fail", "untestable", "trouble"})


def parse_request(line: bytes, features: frozenset[Feature] = NO_FEATURES) -> Request | None:
    """The request in a line (without its LF); None for a blank one, which ends the session. Raises Malformed.

    What needs other features than these is an unknown command.
    """
    try:
        words = [word.decode("utf-8") for word in line.split()]
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: {shown(line)}") from error
    if not words:
        return None
    verb, arguments = words[0], words[1:]
    if verb not in _REQUESTS or _FEATURE_OF.get(verb) not in (None, *features):
        raise Malformed(f"unknown command: {shown(line)}")
    wanted, parse = _REQUESTS[verb]
    if Feature.ZSTD in features and verb in _WITH_LOG and arguments[wanted:-1] == [_COMPRESSED]:
        del arguments[wanted]
    elif len(arguments) != wanted:
        raise Malformed(f"`{verb}` takes {wanted} arguments, not {len(arguments)}: {shown(line)}")
    try:
        return parse(arguments)
    except InvalidName as error:
        raise Malformed(f"`{verb}`: {error}") from error


def _request_words(request: Request) -> tuple[str, ...]:
    match request:
        case SelectSection(section):
            return "section", section
        case Recycle():
            return ("recycle",)
        case Idle():
            return ("idle",)
        case Reserve():
            return ("reserve",)
        case Unreserve(package, version):
            return "unreserve", package, version
        case Result(outcome, package, version, length):
            return outcome.value, package, version, *_compression(length)
        case Status():
            return ("status",)
        case QueryState(package):
            return "_state", package
        case QueryDepends(package):
            return "_depends", package
        case QueryRecursiveDepends(package):
            return "_recursive-depends", package
        case QueryDepcycle(package):
            return "_depcycle", package
        case QueryList(state):
            return "_list", state
        case Features():
            return ("features",)
        case Lease(count):
            return "lease", str(count)
        case Renew():
            return ("renew",)
        case Trouble(package, version, kind, length):
            return "trouble", package, version, kind.value, *_compression(length)
        case Why(package):
            return "why", package


def _compression(length: int | None) -> tuple[str, ...]:
    return () if length is None else (_COMPRESSED, str(length))


def needed_by(request: Request) -> frozenset[Feature]:
    """The features without which a master does not know this request."""
    verb, *arguments = _request_words(request)
    compressed = verb in _WITH_LOG and _COMPRESSED in arguments[_REQUESTS[verb][0] :]
    return frozenset(
        ({_FEATURE_OF[verb]} if verb in _FEATURE_OF else set()) | ({Feature.ZSTD} if compressed else set())
    )


def format_request(request: Request) -> bytes:
    """A request as a line. Raises Malformed if a word of it would be taken for none or several."""
    words = [word.encode() for word in _request_words(request)]
    if any(word.split() != [word] for word in words):
        raise Malformed(f"a word with blanks in it: {request}")
    return b" ".join(words) + b"\n"


# What follows `ok`, by the state that waits for it; the reply to every other request is `ok` alone.
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_COUNTS: Final = re.compile(r"(?:\(recycle\) )?[a-z-]+=[0-9]+(?: [a-z-]+=[0-9]+)*")
_STATE_AND_VERSION: Final = re.compile(r"[^\s]+ [^\s]+")
_NAMES: Final = re.compile(r"(?:[^\s]+(?: [^\s]+)*)?")
_FEATURES: Final = re.compile(r"(?:[a-z0-9-]+(?: [a-z0-9-]+)*)?")
_HOLDINGS: Final = re.compile(r"[0-9]{1,10}(?: [^\s]+ [^\s]+)*")
_SENTENCE: Final = re.compile(r"[^\s]+(?: [^\s]+)*")
_OK_FORMS: Final[Mapping[State, tuple[re.Pattern[str], str]]] = MappingProxyType(
    {
        State.IDLE_ASKED: (_NUMBER, "ok SECONDS"),
        State.OFFER_ASKED: (_STATE_AND_VERSION, "ok PACKAGE VERSION"),
        State.STATUS_ASKED: (_COUNTS, "ok STATE=COUNT…"),
        State.STATE_ASKED: (_STATE_AND_VERSION, "ok STATE VERSION"),
        State.NAMES_ASKED: (_NAMES, "ok [NAME…]"),
        State.FEATURES_ASKED: (_FEATURES, "ok [NAME…]"),
        State.LEASE_ASKED: (re.compile(_HOLDINGS.pattern.replace("*", "+")), "ok SECONDS PACKAGE VERSION…"),
        State.RENEW_SENT: (_HOLDINGS, "ok SECONDS [PACKAGE VERSION…]"),
        State.WHY_ASKED: (_SENTENCE, "ok SENTENCE"),
    }
)
_OK_ALONE: Final = (re.compile(""), "ok")


def check_reply(state: State, reply: Reply) -> None:
    """Whether the words of a reply are what `state` waits for. Raises Malformed."""
    if not isinstance(reply, Ok):
        return
    form, expected = _OK_FORMS.get(state, _OK_ALONE)
    text = " ".join(reply.words)
    if not form.fullmatch(text) or text.split() != list(reply.words):
        raise Malformed(f"expected `{expected}`, not {shown(b'ok ' + text.encode())}")
    try:
        if state is State.OFFER_ASKED:
            Package(reply.words[0]), Version(reply.words[1])
        elif state in (State.LEASE_ASKED, State.RENEW_SENT):
            Holdings.of(reply)
    except InvalidName as error:
        raise Malformed(f"offered something that cannot be tested: {error}") from error


def parse_reply(line: bytes) -> MasterMessage:
    """The greeting or reply in a line (without its LF). Raises Malformed."""
    match line:
        case b"hello":
            return Hello()
        case b"error":
            return Error()
        case b"busy":
            return Busy()
        case b"ok":
            return Ok()
    if not line.startswith(b"ok "):
        raise Malformed(f"no reply of the protocol: {shown(line)}")
    try:
        return Ok(tuple(line.decode("utf-8").split(" ")[1:]))
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8: {shown(line)}") from error


def format_reply(message: MasterMessage) -> bytes:
    """The greeting or a reply as a line."""
    match message:
        case Hello():
            return b"hello\n"
        case Error():
            return b"error\n"
        case Busy():
            return b"busy\n"
        case Ok(words):
            return " ".join(("ok", *words)).encode() + b"\n"
