"""A master in the same process: reads what a slave sends through the real protocol, answers from lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from piufarm.errors import FarmError
from piufarm.names import Package, Version
from piufarm.protocol import NEED_DATA, PAUSED, Feature, Holdings, MasterConnection, features_reply
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    EndOfSession,
    Error,
    Features,
    Hello,
    Idle,
    Lease,
    Ok,
    Recycle,
    Renew,
    Reply,
    Reserve,
    Result,
    SelectSection,
    SlaveMessage,
    Status,
    Trouble,
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
    hangs_up_on: str = ""  # a request by its name, once
    features: frozenset[Feature] | None = None  # None: hangs up when it is asked, as the predecessor does
    lease_seconds: int = 1800
    held: list[tuple[str, str]] = field(default_factory=list)  # leased, and neither reported nor given back
    troubles: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # by package_version: kind and evidence
    compressed: list[str] = field(default_factory=list)  # package_version of logs that came so
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
        self._result: Result | Trouble | None = None
        self._log = b""
        self._hung_up = False

    def read(self) -> bytes:
        data, self._answers = self._answers, b""
        return data

    def write(self, data: bytes) -> None:
        if self._hung_up:
            raise FarmError("lost the connection")
        if self._master.down:
            raise FarmError("the master has gone down")
        self._connection.receive(data)
        reply: Reply | None = None
        while (event := self._connection.next_event()) is not NEED_DATA and not self._hung_up:
            if event is PAUSED:
                if reply is None:  # it hangs up instead
                    self._hung_up = True
                    return
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
            case Trouble(package, version, kind):
                self._master.heard.append(f"trouble {package} {version} {kind}")
                self._result, self._log = event, b""
                return None
            case SelectSection(section):
                self._master.heard.append(f"section {section}")
                self._recycling = False
                return Busy() if self._master.busy else Error() if self._master.unknown else Ok()
        name = type(event).__name__.lower()
        self._master.heard.append(name)
        if name == self._master.hangs_up_on:
            self._master.hangs_up_on = ""
            return None
        match event:
            case Features():
                return None if self._master.features is None else features_reply(self._master.features)
            case Lease(count):
                return self._lease(count)
            case Renew():
                return self._holdings(self._master.held)
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
                self._release(package, version)
                return Ok()
            case Status():
                return Ok(("total=0",))
        raise AssertionError(event)

    def _lease(self, count: int) -> Reply:
        master = self._master
        offers = master.recycle_offers if self._recycling else master.offers
        leased = [offers.pop(0) for _ in range(min(count, len(offers)))]
        master.held += leased
        return self._holdings(leased) if leased else Error()

    def _holdings(self, packages: list[tuple[str, str]]) -> Ok:
        pairs = tuple((Package(name), Version(version)) for name, version in packages)
        return Holdings(self._master.lease_seconds, pairs).reply()

    def _release(self, package: Package, version: Version) -> None:
        if (package, version) in self._master.held:
            self._master.held.remove((package, version))

    def _store(self) -> Reply | None:
        master, head = self._master, self._result
        assert head is not None
        if head.package == master.refuses_log_of:
            return None
        name = f"{head.package}_{head.version}"
        if head.compressed_bytes is not None:
            master.compressed.append(name)
        if isinstance(head, Trouble):
            master.troubles[name] = (head.kind, self._log)
        else:
            master.results[f"{head.outcome}/{name}"] = self._log
        self._release(head.package, head.version)
        return Ok()
