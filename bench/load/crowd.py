"""Many sessions at once: a process for each slave, and one loop that speaks for all of them."""

from __future__ import annotations

import heapq
import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from piufarm.run import PIPE, Child, clean_environment, spawn

_READ_BYTES: Final = 65536

Done = Callable[[str], None]  # gets the reply, without its LF


class LoadError(Exception):
    """The master did something that it must not do; the measurement is void."""


@dataclass
class Client:
    """A slave and its session."""

    name: str
    process: Child
    replies: deque[Done] = field(default_factory=deque)
    heard: bytes = b""
    held: list[str] = field(default_factory=list)  # `PACKAGE VERSION`

    def ask(self, words: str, done: Done) -> None:
        """Send a request; `done` is called with the reply."""
        self.say(words.encode() + b"\n", done)

    def say(self, data: bytes, done: Done) -> None:
        """Send the bytes of a request, its log included."""
        assert self.process.stdin is not None
        self.replies.append(done)
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]

    def memory_kib(self) -> int:
        """What the session adds to the memory in use: its private pages and its share of the common ones."""
        for line in Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
        raise LoadError(f"no memory of {self.name}")

    def cpu_seconds(self) -> float:
        """That the session has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Crowd:
    """Clients of one section, and the loop."""

    def __init__(self, command: Callable[[str], Sequence[str | Path]], errors: Path) -> None:
        """`command` makes the command line of a slave's session; what sessions complain about goes to `errors`."""
        self._command = command
        self._errors = errors.open("ab")
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        self.clients: list[Client] = []

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            assert client.process.stdin is not None and client.process.stdout is not None
            client.process.stdin.close()
            client.process.stdout.close()
        for client in self.clients:
            client.process.wait()
        self._selector.close()
        self._errors.close()

    def cpu_seconds(self) -> float:
        """That all sessions have used."""
        return sum(client.cpu_seconds() for client in self.clients)

    def connect(self, name: str, section: str, ready: Callable[[Client], None]) -> Client:
        """Start a session and select the section; `ready` is called when that is done."""
        process = spawn(
            self._command(name),
            env=clean_environment(),
            stdin=PIPE,
            stdout=PIPE,
            stderr=self._errors,
            new_session=False,
        )
        assert process.stdout is not None
        client = Client(name, process)
        self.clients.append(client)
        self._selector.register(process.stdout, selectors.EVENT_READ, client)
        client.replies.append(lambda hello: expect(hello, "hello"))

        def selected(reply: str) -> None:
            expect(reply, "ok")
            ready(client)

        client.ask(f"section {section}", selected)
        return client

    def connect_all(self, names: Sequence[str], section: str, *, at_once: int = 8) -> None:
        """Start many sessions, a few at a time, and wait until all are ready."""
        left = deque(names)
        ready: list[Client] = []

        def next_one(client: Client | None = None) -> None:
            if client is not None:
                ready.append(client)
            if left:
                self.connect(left.popleft(), section, next_one)

        for _ in range(at_once):
            next_one()
        self.run_until(lambda: len(ready) == len(names))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something when so much time has passed."""
        self._numbers += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._numbers, action))

    def run_until(self, is_done: Callable[[], bool], *, seconds_max: float = 600.0) -> None:
        """Let things happen. Raises LoadError if it takes too long or a session ends."""
        deadline = time.monotonic() + seconds_max
        while not is_done():
            now = time.monotonic()
            if now > deadline:
                raise LoadError(f"not done after {seconds_max:g} s")
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            wait = min(1.0, self._timers[0][0] - time.monotonic()) if self._timers else 1.0
            for key, _ in self._selector.select(max(0.0, wait)):
                self._hear(key.data)

    def run_for(self, seconds: float) -> None:
        """Let things happen for a while."""
        until = time.monotonic() + seconds
        self.run_until(lambda: time.monotonic() >= until, seconds_max=seconds + 1.0)

    def run_until_quiet(self) -> None:
        """Let every request be answered."""
        self.run_until(lambda: not any(client.replies for client in self.clients))

    def _hear(self, client: Client) -> None:
        assert client.process.stdout is not None
        data = os.read(client.process.stdout.fileno(), _READ_BYTES)
        if not data:
            raise LoadError(f"the session of {client.name} has ended; the complaints are in {self._errors.name}")
        *lines, client.heard = (client.heard + data).split(b"\n")
        for line in lines:
            client.replies.popleft()(line.decode())


def expect(reply: str, wanted: str) -> None:
    """Raises LoadError if a reply is not what it must be."""
    if reply != wanted:
        raise LoadError(f"the master says {reply!r} instead of {wanted!r}")


def log_of(job: str, size: int) -> bytes:
    """A log of about `size` bytes, as it goes over the wire."""
    line = b" 0m1.1s DEBUG: a line of the log of a test, neither short nor long\n"
    head = f" Start: a test of {job} at {time.monotonic_ns()}\n".encode()
    return head + line * ((size - len(head)) // (len(line) - 1)) + b".\n"
