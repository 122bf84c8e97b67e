"""The tester's side of a supervisor: requests as method calls."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO, Final

from piufarm.errors import FarmError
from piufarm.run import PIPE, spawn
from piufarm.slave.chroot.channel import Channel
from piufarm.slave.chroot.frames import Frame, pack_frame, pack_list, unpack_attributes, unpack_entries, unpack_list
from piufarm.slave.chroot.interface import (
    CommandLimits,
    CommandResult,
    Entry,
    Limit,
    Mark,
    MarkKind,
    Placement,
    Process,
    Refused,
)
from piufarm.slave.chroot.launch import Launch
from piufarm.slave.chroot.relay import Relay
from piufarm.slave.chroot.terminal import Terminal
from piufarm.trouble import TroubleKind

_PATIENCE: Final = 120.0  # seconds for an answer of the supervisor itself
_GRACE: Final = 90.0  # more than it needs to end a command that has used up its time
_PATIENCE_OF_PEOPLE: Final = 7 * 24 * 3600.0
_PIECE: Final = 1 << 17
_UPLOAD_QUEUE: Final = 1 << 21
_READ_MAX: Final = 64 << 20
_DIGEST_MAX: Final = 16 << 30
_NO_SPACE: Final = b"No space left on device"


class Supervisor:
    """A started supervisor, the first process of its namespaces; `close` ends all of them."""

    def __init__(self, start: Launch, *, serve: Callable[[socket.socket], None] | None = None) -> None:
        """`serve` is given connections that are made in the chroot; None: no network.

        Raises FarmError if the chroot cannot be set up.
        """
        self._channel = Channel(spawn(start.argv, stdin=PIPE, stdout=PIPE, stderr=PIPE))
        self._channel.send(start.programs)
        self._relay = Relay(self._channel, serve) if serve is not None else None
        self._port = 0
        self._number = 0
        self.host_pid = 0
        self.upper_fd: int | None = None  # in the supervisor: the directory that holds `upper`
        self.limited_by: tuple[str, ...] = ()
        try:
            self._await_start()
        except BaseException:
            self.close()
            raise

    def _await_start(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        ready = False
        while not (ready and self.host_pid):
            frame = self._channel.receive(deadline)
            match frame.kind:
                case "h":
                    self.host_pid = int(unpack_list(frame.payload)[0])
                case "H":
                    handle, *by = unpack_list(frame.payload)
                    self.upper_fd = int(handle) if handle else None
                    self.limited_by = tuple(item.decode() for item in by)
                    ready = True
                case "E":
                    text = os.fsdecode(frame.payload).strip()
                    raise FarmError(f"cannot set up a chroot: {text}", hint=_setup_hint(text))

    def close(self) -> None:
        """End every process of the chroot, with all its mounts."""
        if self._relay is not None:
            self._relay.close()
        self._channel.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        limits: CommandLimits,
        network: bool = False,
        for_apt: bool = True,
    ) -> CommandResult:
        """Run a command; with `network`, programs find the proxy in their environment.

        `for_apt`: it answers none but the programs of apt that no maintainer script has started.
        """
        words = [f"{name}={value}" for name, value in env.items()]
        if network:
            proxy = f"http://127.0.0.1:{self._listen(for_apt)}"
            words += [f"http_proxy={proxy}", f"https_proxy={proxy}"]
        request = pack_list(str(limits.seconds), str(limits.output_bytes), str(len(argv)), *argv, *words)
        output: list[bytes] = []
        end = self._ask("R", request, into=lambda frame: output.append(frame.payload), patience=limits.seconds + _GRACE)
        if network:
            self._ask("U")
        status, reason, seconds = (item.decode() for item in unpack_list(end.payload))
        text = b"".join(output)
        exit_status = os.waitstatus_to_exitcode(int(status))
        stopped_by = Limit(reason) if reason else None
        if exit_status != 0 and stopped_by is None and _NO_SPACE in text:
            stopped_by = Limit.DISK  # only file systems of ours can be written in there
        return CommandResult(tuple(argv), exit_status, text, float(seconds), stopped_by)

    def _listen(self, for_apt: bool) -> int:
        if self._relay is None:
            raise FarmError("this chroot has no way out to any archive")
        return int(unpack_list(self._ask("N", pack_list("apt" if for_apt else "all")).payload)[0])

    def put(self, path: str, content: bytes | BinaryIO, *, mode: int = 0o644) -> None:
        """Write a file, replacing what is there (a symbolic link, too); makes missing directories. Raises Refused."""
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        number = self._begin("P", pack_list(path, f"{mode:o}"))
        while piece := stream.read(_PIECE):
            self._channel.send(pack_frame("D", number, piece))
            self._channel.flush(below=_UPLOAD_QUEUE)
        self._channel.send(pack_frame("D", number))
        self._finish(number, lambda _: None, _PATIENCE)

    def read(self, path: str) -> bytes | None:
        """A regular file's content; None if there is none, or it is larger than anything that we read."""
        pieces: list[bytes] = []
        return b"".join(pieces) if self._stream(path, _READ_MAX, pieces.append) else None

    def md5(self, path: str) -> str | None:
        """The MD5 sum of a regular file; None if there is none, or it is larger than anything in a package."""
        known = hashlib.md5(usedforsecurity=False)
        return known.hexdigest() if self._stream(path, _DIGEST_MAX, known.update) else None

    def _stream(self, path: str, max_bytes: int, take: Callable[[bytes], None]) -> bool:
        """Hand out a file's content piece by piece: a sparse one may be larger than any memory."""
        try:
            self._ask("G", pack_list(path, str(max_bytes)), into=lambda frame: take(frame.payload))
        except Refused:
            return False
        return True

    def remove(self, path: str) -> None:
        """Remove a file or link; nothing happens if there is none. Raises Refused for a directory."""
        self._ask("X", os.fsencode(path))

    def entries(self, paths: Iterable[str]) -> dict[str, Entry]:
        """The entries of those paths that exist."""
        found: dict[str, Entry] = {}
        self._ask("L", pack_list(*paths), into=lambda frame: found.update(unpack_entries(frame.payload)))
        return found

    def attributes(self, paths: Iterable[str]) -> dict[str, dict[str, bytes]]:
        """The extended attributes, by name, of those paths that have any."""
        found: dict[str, dict[str, bytes]] = {}
        self._ask("A", pack_list(*paths), into=lambda frame: found.update(unpack_attributes(frame.payload)))
        return found

    def walk(self) -> dict[str, Entry]:
        """Every object of the chroot but /proc, /sys and /dev."""
        found: dict[str, Entry] = {}
        self._ask("W", into=lambda frame: found.update(unpack_entries(frame.payload)))
        return found

    def converse(self, argv: Sequence[str], *, env: Mapping[str, str], terminal: Terminal) -> None:
        """Run a command that a person talks to; returns when it has ended. Raises Refused."""
        words = [f"{name}={value}" for name, value in env.items()]
        rows, columns = terminal.size()
        number = self._begin("I", pack_list(str(rows), str(columns), str(len(argv)), *argv, *words))

        def resized() -> None:
            self._channel.send(pack_frame("z", number, pack_list(*map(str, terminal.size()))))

        def typed() -> None:
            self._channel.send(pack_frame("i", number, terminal.typed()))

        self._channel.watch(terminal.fileno(), typed)
        try:
            with terminal.lent(resized):
                self._finish(number, lambda frame: terminal.show(frame.payload), _PATIENCE_OF_PEOPLE)
        finally:
            self._channel.unwatch(terminal.fileno())

    def history(self) -> list[Mark]:
        """What ran, in order."""
        rows: list[bytes] = []
        self._ask("M", into=lambda frame: rows.extend(unpack_list(frame.payload)))
        return [_mark(*rows[at : at + 6]) for at in range(0, len(rows), 6)]

    def placements(self, paths: Iterable[str]) -> dict[str, Placement]:
        """When these paths were made and changed, as far as the upper layer holds them."""
        rows: list[bytes] = []
        self._ask("O", pack_list(*paths), into=lambda frame: rows.extend(unpack_list(frame.payload)))
        quads = (rows[at : at + 4] for at in range(0, len(rows), 4))
        return {os.fsdecode(path): Placement(*map(int, numbers)) for path, *numbers in quads}

    def processes(self) -> list[Process]:
        """The living processes but the supervisor."""
        rows: list[bytes] = []
        self._ask("T", into=lambda frame: rows.extend(unpack_list(frame.payload)))
        return [_process(*rows[at : at + 5]) for at in range(0, len(rows), 5)]

    def kill_processes(self) -> None:
        """Kill all processes but the supervisor and wait until they are gone."""
        self._ask("K")

    def _begin(self, kind: str, payload: bytes = b"") -> int:
        self._number += 1
        self._channel.send(pack_frame(kind, self._number, payload))
        return self._number

    def _ask(
        self,
        kind: str,
        payload: bytes = b"",
        *,
        into: Callable[[Frame], None] = lambda _: None,
        patience: float = _PATIENCE,
    ) -> Frame:
        return self._finish(self._begin(kind, payload), into, patience)

    def _finish(self, number: int, into: Callable[[Frame], None], patience: float) -> Frame:
        """Serve the relay until the answer to `number` is complete; content on the way goes into `into`.

        Raises Refused if it cannot be done, FarmError if nothing at all comes for too long.
        """
        deadline = time.monotonic() + patience
        while True:
            frame = self._channel.receive(deadline)
            if frame.kind in "acdw":
                if self._relay is not None:
                    self._relay.handle(frame)
            elif frame.kind == "E":
                reason = f"the chroot's supervisor failed: {os.fsdecode(frame.payload).strip()}"
                raise FarmError(reason, kind=TroubleKind.CHROOT)
            elif frame.number == number:
                if frame.kind == "!":
                    code, message = unpack_list(frame.payload)
                    raise Refused(os.fsdecode(message), int(code))
                if frame.kind in ".en":
                    return frame
                into(frame)
                deadline = max(deadline, time.monotonic() + _PATIENCE)


def _setup_hint(text: str) -> str:
    """The next step after a failed set-up."""
    if text.endswith(os.strerror(errno.EPERM)):
        return "a container has to be privileged to make namespaces and mounts"
    if text.startswith("no way to limit"):
        return "--no-limits tests without limits, on a machine that may be lost"
    return "piufarm needs Linux 5.11 or newer with overlayfs, tmpfs and namespaces"


def _mark(kind: bytes, inode: bytes, time_ns: bytes, package: bytes, text: bytes, strays: bytes) -> Mark:
    words = os.fsdecode(strays).split()
    return Mark(MarkKind(kind.decode()), int(inode), int(time_ns), os.fsdecode(package), os.fsdecode(text), (*words,))


def _process(pid: bytes, ppid: bytes, uid: bytes, command: bytes, executable: bytes) -> Process:
    return Process(int(pid), int(ppid), int(uid), os.fsdecode(command), os.fsdecode(executable))
