"""A master in the same process: reads what a slave sends through the real protocol, answers from lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from piufarm.errors import FarmError
from piufarm.protocol import NEED_DATA, PAUSED, MasterConnection
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    EndOfSession,
    Error,
    Hello,
    Idle,
    Ok,
    Recycle,
    Reply,
    Reserve,
    Result,
    SelectSection,
    SlaveMessage,
    Status,
    Unreserve,
)
from piufarm.slave.link.route import Target

GREETING = b"hello\n"


@dataclass
class FakeMaster:
    """What it offers, what it got, and how it misbehaves."""

    offers: list[tuple[str, str]] = field(default_factory=list)
    recycle_offers: list[tuple[str, str]] = field(default_factory=list)
    idle_seconds: int = 0
    busy: bool = False
    unknown: bool = False
    down: bool = False
    refuses_log_of: str = ""  # hangs up instead of answering
    results: dict[str, bytes] = field(default_factory=dict)  # by outcome/package_version
    unreserved: list[tuple[str, str]] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)  # the requests, as words
    sessions: int = 0
    open: int = 0
    on_request: Callable[[SlaveMessage], None] = lambda _: None

    def connect(self, target: Target) -> FakeWire:
        """Log in."""
        del target
        if self.down:
            raise FarmError("the master is down")
        self.sessions += 1
        self.open += 1
        return FakeWire(self)


class FakeWire:
    """The slave's end of one session."""

    complaint = ""

    def __init__(self, master: FakeMaster) -> None:
        self._master = master
        self._connection = MasterConnection()
        self._connection.send(Hello())
        self._answers = GREETING
        self._recycling = False
        self._result: Result | None = None
        self._log = b""
        self._hung_up = False

    def read(self) -> bytes:
        data, self._answers = self._answers, b""
        return data

    def write(self, data: bytes) -> None:
        if self._hung_up:
            raise FarmError("lost the connection")
        self._connection.receive(data)
        reply: Reply | None = None
        while (event := self._connection.next_event()) is not NEED_DATA and not self._hung_up:
            if event is PAUSED:
                assert reply is not None
                self._answers += self._connection.send(reply)
                continue
            assert not isinstance(event, EndOfSession)
            reply = self._handle(event)

    def close(self) -> None:
        self._master.open -= 1

    def _handle(self, event: SlaveMessage) -> Reply | None:
        self._master.on_request(event)
        match event:
            case BodyChunk(data):
                self._log += data
                return None
            case BodyEnd():
                return self._store()
            case Result(outcome, package, version):
                self._master.heard.append(f"{outcome} {package} {version}")
                self._result, self._log = event, b""
                return None
            case SelectSection(section):
                self._master.heard.append(f"section {section}")
                self._recycling = False
                return Busy() if self._master.busy else Error() if self._master.unknown else Ok()
        self._master.heard.append(type(event).__name__.lower())
        match event:
            case Recycle():
                self._recycling = bool(self._master.recycle_offers)
                return Ok() if self._recycling else Error()
            case Idle():
                return Ok((str(self._master.idle_seconds),))
            case Reserve():
                offers = self._master.recycle_offers if self._recycling else self._master.offers
                return Ok(offers.pop(0)) if offers else Error()
            case Unreserve(package, version):
                self._master.unreserved.append((package, version))
                return Ok()
            case Status():
                return Ok(("total=0",))
        raise AssertionError(event)

    def _store(self) -> Reply:
        assert self._result is not None
        if self._result.package == self._master.refuses_log_of:
            self._hung_up = True
        else:
            result = self._result
            self._master.results[f"{result.outcome}/{result.package}_{result.version}"] = self._log
        return Ok()
