"""Connections that programs in a chroot open to its proxy port, served by threads of the tester."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from piufarm.slave.chroot.channel import Channel
from piufarm.slave.chroot.frames import Frame, pack_frame

_WINDOW: Final = 1 << 18  # bytes under way to one client that it has not taken yet
_PIECE: Final = 1 << 16


@dataclass
class _Client:
    ours: socket.socket
    credit: int = _WINDOW
    ended: bool = False  # the handler has closed its end


class Relay:
    """Gives each connection of the chroot a socket and a thread that runs `serve` on it."""

    def __init__(self, channel: Channel, serve: Callable[[socket.socket], None]) -> None:
        self._channel = channel
        self._serve = serve
        self._clients: dict[int, _Client] = {}

    def handle(self, frame: Frame) -> None:
        """Act on one of the relay's frames: a (accepted), d (data), c (closed), w (window)."""
        if frame.kind == "a":
            self._accept(frame.number)
            return
        client = self._clients.get(frame.number)
        if client is None:
            return
        match frame.kind:
            case "d":
                self._deliver(frame.number, client, frame.payload)
            case "c" if frame.payload:
                self._forget(frame.number)
            case "c":
                _shutdown(client.ours)
            case "w":
                client.credit += int(struct.unpack(">I", frame.payload)[0])
                self._resume(frame.number, client)

    def _accept(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        client = self._clients[number] = _Client(ours)
        threading.Thread(target=self._run, args=(theirs,), name=f"proxy-{number}", daemon=True).start()
        self._resume(number, client)

    def _run(self, theirs: socket.socket) -> None:
        with theirs:
            self._serve(theirs)

    def _deliver(self, number: int, client: _Client, data: bytes) -> None:
        """Requests are small: a client that sends more than the socket holds is up to no good."""
        client.ours.setblocking(False)
        try:
            sent = client.ours.send(data)
        except OSError:
            sent = -1
        client.ours.setblocking(True)
        if sent != len(data):
            self._channel.send(pack_frame("c", number))
            self._forget(number)

    def _resume(self, number: int, client: _Client) -> None:
        if client.credit > 0 and not client.ended:
            self._channel.unwatch(client.ours.fileno())
            self._channel.watch(client.ours.fileno(), partial(self._from_handler, number, client))

    def _from_handler(self, number: int, client: _Client) -> None:
        try:
            data = client.ours.recv(min(client.credit, _PIECE))
        except OSError:
            data = b""
        if not data:
            client.ended = True
            self._channel.send(pack_frame("c", number))
            self._forget(number)
            return
        client.credit -= len(data)
        self._channel.send(pack_frame("d", number, data))
        if client.credit <= 0:
            self._channel.unwatch(client.ours.fileno())

    def _forget(self, number: int) -> None:
        client = self._clients.pop(number)
        self._channel.unwatch(client.ours.fileno())
        client.ours.close()

    def close(self) -> None:
        """Drop all connections; their threads end when they notice."""
        for number in list(self._clients):
            self._forget(number)


def _shutdown(ours: socket.socket) -> None:
    try:
        ours.shutdown(socket.SHUT_WR)
    except OSError:
        return
