"""A proxy for programs in a chroot: GET of the section's archives, through the cache of .debs; all else is refused."""

from __future__ import annotations

import http.client
import os
import select
import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from piufarm.errors import FarmError
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.debs import DebCache
from piufarm.slave.network.upstream import TIMEOUT_SECONDS, ask

_LINE_MAX: Final = 8192
_HEADERS_MAX: Final = 100
_CHUNK: Final = 1 << 16
_PASSED_ON: Final = ("if-modified-since", "if-none-match", "if-range", "range", "cache-control", "accept", "user-agent")
_PASSED_BACK: Final = ("Last-Modified", "ETag", "Content-Type", "Content-Range", "Accept-Ranges", "Date")


class _Malformed(Exception):
    """What came is no HTTP request that apt would send."""


@dataclass(frozen=True)
class _Request:
    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case


def proxy_for(access: NetworkAccess | None) -> Callable[[socket.socket], None] | None:
    """What serves a connection with this access; None if there is none."""
    return None if access is None else partial(serve, access)


def serve(access: NetworkAccess, client: socket.socket) -> None:
    """Answer the requests of one connection until it ends."""
    try:
        with client.makefile("rb") as reader, client.makefile("wb") as writer:
            while (request := _read_request(reader)) is not None:
                if request.method == "CONNECT":
                    _tunnel(access, request.target, client, reader, writer)
                    return
                if not _answer(access, request, writer):
                    return
    except (OSError, ValueError, http.client.HTTPException):
        return  # the connection is closed with that; apt tries again or says so
    except _Malformed:
        return


def _read_request(reader: BinaryIO) -> _Request | None:
    line = reader.readline(_LINE_MAX)
    if not line.strip():
        return None
    words = line.decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1"):
        raise _Malformed
    headers: dict[str, str] = {}
    while (line := reader.readline(_LINE_MAX)).strip():
        name, separator, value = line.decode("latin-1").partition(":")
        if not separator or len(headers) >= _HEADERS_MAX:
            raise _Malformed
        headers[name.strip().lower()] = value.strip()
    return _Request(words[0], words[1], headers)


def _answer(access: NetworkAccess, request: _Request, writer: BinaryIO) -> bool:
    """Answer one request; returns whether the connection may go on."""
    if request.method not in ("GET", "HEAD") or int(request.headers.get("content-length", 0)):
        _refuse(writer, 405, "Only GET")
        return False
    url = access.upstream_of(request.target)
    if url is None:
        _refuse(writer, 403, "Not one of the archives under test")
        return True
    cacheable = request.method == "GET" and url.endswith(".deb") and "range" not in request.headers
    cache = DebCache(access.deb_cache) if cacheable else None
    if cache is not None and (kept := cache.find(url)) is not None:
        with kept:
            if access.view is not None:  # before apt has all that it waits for
                access.view.offer(url, kept)
            _hand_out(kept, writer)
        return True
    try:
        passed = {name.title(): value for name, value in request.headers.items() if name in _PASSED_ON}
        answer = ask(url, proxy=access.upstream_proxy, headers=passed)
    except FarmError as error:
        _refuse(writer, 502, " ".join(error.message.split())[:200])
        return True
    with answer:
        return _pass_back(answer, request, url, cache, writer)


def _hand_out(kept: BinaryIO, writer: BinaryIO) -> None:
    """Answer with a file of the cache."""
    length = os.fstat(kept.fileno()).st_size
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
    kept.seek(0)
    shutil.copyfileobj(kept, writer, _CHUNK)
    writer.flush()


def _pass_back(
    answer: http.client.HTTPResponse, request: _Request, url: str, cache: DebCache | None, writer: BinaryIO
) -> bool:
    length = answer.headers.get("Content-Length")
    bodyless = request.method == "HEAD" or answer.status in (204, 304)
    known = bodyless or length is not None
    lines = [f"HTTP/1.1 {answer.status} {answer.reason or 'Unknown'}"]
    lines += [f"{name}: {answer.headers[name]}" for name in _PASSED_BACK if name in answer.headers]
    lines += [f"Content-Length: {length}"] if length is not None else []
    lines += [] if known else ["Connection: close"]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
    if bodyless:
        writer.flush()
        return True
    is_whole = answer.status == 200 and length is not None
    with ExitStack() as stack:
        copy = stack.enter_context(cache.writer(url)) if cache is not None and is_whole else None
        size = 0
        while chunk := answer.read(_CHUNK):
            size += len(chunk)
            writer.write(chunk)
            if copy is not None:
                copy.write(chunk)
        if length is not None and size != int(length):
            raise OSError("the mirror's answer was cut off")  # the client must not take it for whole
    writer.flush()
    return known


def _refuse(writer: BinaryIO, status: int, reason: str) -> None:
    body = f"{reason}\n".encode()
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode("latin-1", "replace") + body)
    writer.flush()


def _tunnel(access: NetworkAccess, target: str, client: socket.socket, reader: BinaryIO, writer: BinaryIO) -> None:
    host, _, port = target.rpartition(":")
    if not port.isdecimal() or not access.may_tunnel_to(host, int(port)):
        _refuse(writer, 403, "Not one of the archives under test")
        return
    proxy = urlsplit(access.upstream_proxy) if access.upstream_proxy else None
    to = (proxy.hostname or "", proxy.port or 80) if proxy else (host, int(port))
    with socket.create_connection(to, timeout=TIMEOUT_SECONDS) as upstream:
        if proxy:
            upstream.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        else:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            writer.flush()
        _copy_both_ways(client, upstream)


def _copy_both_ways(one: socket.socket, other: socket.socket) -> None:
    peers = {one: other, other: one}
    while True:
        readable, _, _ = select.select([one, other], [], [], TIMEOUT_SECONDS)
        if not readable:
            return
        for source in readable:
            data = source.recv(_CHUNK)
            if not data:
                return
            peers[source].sendall(data)
