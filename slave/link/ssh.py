"""The way to the master: an SSH session whose host key is known, with limits on how long anything may take."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

import paramiko

from piufarm.errors import FarmError
from piufarm.slave.link.known_hosts import fingerprint, load_known_hosts, revoked_keys
from piufarm.slave.link.route import SSH_PORT, Route, Target, find_route
from piufarm.trouble import TroubleKind

CONNECT_SECONDS: Final = 30.0
KEEPALIVE_SECONDS: Final = 30
DEAD_PEER_MILLISECONDS: Final = 120_000  # without an acknowledgement of what was sent, keepalives included
# A master of piuparts may compute for this long before it answers, then it ends itself.
REPLY_SECONDS: Final = 900.0 + 60.0
_READ: Final = 1 << 16
_COMPLAINT: Final = 2000  # bytes of the far side's stderr that an error quotes
_DEEPEST_JUMP: Final = 5

_Socket: TypeAlias = "socket.socket | paramiko.Channel | paramiko.ProxyCommand"


class Unreachable(FarmError):
    """No session with the master, for a reason that may be gone the next time."""

    usual_kind = TroubleKind.NETWORK


class TurnedAway(Unreachable):
    """The host hung up before it said a word: too many are at its door at this moment (sshd's MaxStartups)."""


class Untrusted(FarmError):
    """The host's key is not the one we know, or we know none."""


class Refused(FarmError):
    """The master does not let us in."""


class SshWire:
    """A remote command's stdin and stdout. All methods raise FarmError on trouble."""

    def __init__(self, channel: paramiko.Channel, cleanup: ExitStack, where: str) -> None:
        self._channel = channel
        self._cleanup = cleanup
        self._where = where
        self._complaint = b""

    def read(self) -> bytes:
        """What the master says; b"" when it has hung up."""
        try:
            data: bytes = self._channel.recv(_READ)
        except TimeoutError as error:
            raise Unreachable(f"{self._where} has not answered for {REPLY_SECONDS:.0f} s") from error
        except (OSError, paramiko.SSHException) as error:
            raise Unreachable(f"lost the connection to {self._where}: {error}") from error
        self._collect_complaint()
        if not data and self._is_lost():
            raise Unreachable(f"lost the connection to {self._where}")
        return data

    def write(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._channel.sendall(data)
        except (OSError, paramiko.SSHException) as error:
            self._collect_complaint()
            raise Unreachable(f"lost the connection to {self._where}: {error or 'closed'}{self.complaint}") from error

    @property
    def complaint(self) -> str:
        """What the far side wrote to its stderr, if anything, ready to append to an error."""
        text = self._complaint.decode("utf-8", "backslashreplace").strip()
        return f"; it says: {text}" if text else ""

    def close(self) -> None:
        """Hang up."""
        self._cleanup.close()

    def _is_lost(self) -> bool:
        """Whether the connection is gone, too; paramiko closes the channel first, and says so a moment later."""
        transport = self._channel.get_transport()
        return not transport.is_active() or transport.get_exception() is not None

    def _collect_complaint(self) -> None:
        """Read the far side's stderr: unread, it would in time block its stdout."""
        with suppress(OSError):
            while self._channel.recv_stderr_ready():
                self._complaint = (self._complaint + self._channel.recv_stderr(_READ))[-_COMPLAINT:]


def open_wire(target: Target, known_hosts: Path) -> SshWire:
    """Log in to the master and start its session. Raises Unreachable, Untrusted, Refused."""
    _silence_paramiko()
    route = find_route(target.host, user=target.user, extra_known_hosts=known_hosts)
    with ExitStack() as cleanup:
        transport = _connect(route, cleanup, _socket(route, cleanup, known_hosts))
        transport.set_keepalive(KEEPALIVE_SECONDS)
        where = f"{route.user}@{route.host}"
        try:
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            cleanup.callback(channel.close)
            channel.settimeout(REPLY_SECONDS)
            with _time_limit(CONNECT_SECONDS, transport):
                channel.exec_command(target.command)
        except (OSError, EOFError) as error:
            reason = str(error) or "closed"
            raise Unreachable(f"lost the connection to {where} before a session was started: {reason}") from error
        except paramiko.SSHException as error:
            raise Refused(
                f"{where} lets us in but starts no session: {error}", hint="see authorized_keys on the master"
            ) from error
        return SshWire(channel, cleanup.pop_all(), where)


@contextmanager
def _time_limit(seconds: float, transport: paramiko.Transport) -> Iterator[None]:
    """For the block, in which paramiko knows none: when it is over, the connection is. Raises TimeoutError."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        transport.close()

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        if expired.is_set():
            raise TimeoutError(f"no answer for {seconds:.0f} s") from error
        raise
    finally:
        timer.cancel()


def fetch_host_key(route: Route, known_hosts: Path) -> paramiko.PKey:
    """The key that a host shows to a stranger. Raises Unreachable."""
    _silence_paramiko()
    with ExitStack() as cleanup:
        transport = paramiko.Transport(_socket(route, cleanup, known_hosts))
        cleanup.callback(transport.close)
        try:
            transport.start_client(timeout=CONNECT_SECONDS)
            return transport.get_remote_server_key()
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Unreachable(f"{route.host} port {route.port} does not speak SSH with us: {error}") from error


@dataclass(frozen=True)
class _Policy:
    """What paramiko asks when a host is in no file of known hosts."""

    route: Route

    def missing_host_key(self, client: paramiko.SSHClient, name: str, key: paramiko.PKey) -> None:
        """Say so; nothing is ever trusted by itself."""
        del client
        port = "" if self.route.port == SSH_PORT else f" --port {self.route.port}"
        raise Untrusted(
            f"the host key of {name} is not known ({key.get_name()} {fingerprint(key)})",
            hint=f"compare it with the master's own, then: piufarm slave trust {self.route.host}{port}",
        )


def _connect(route: Route, cleanup: ExitStack, connection: _Socket) -> paramiko.Transport:
    """Verify the host's key and log in."""
    client = paramiko.SSHClient()
    cleanup.callback(client.close)
    load_known_hosts(client, route.known_hosts)
    client.set_missing_host_key_policy(_Policy(route))
    try:
        client.connect(
            route.host,
            port=route.port,
            username=route.user,
            key_filename=[str(path) for path in route.identities] or None,
            look_for_keys=not route.only_these_identities and not route.identities,
            allow_agent=not route.only_these_identities,
            timeout=CONNECT_SECONDS,
            banner_timeout=CONNECT_SECONDS,
            auth_timeout=CONNECT_SECONDS,
            sock=connection,
        )
    except paramiko.BadHostKeyException as error:
        raise Untrusted(
            f"the host key of {route.host} has changed: it shows {fingerprint(error.key)}, "
            f"known is {fingerprint(error.expected_key)}",
            hint=f"if it has a new key: ssh-keygen -R '{route.known_hosts_name}' -f FILE (one of {_files(route)}), "
            "then piufarm slave trust",
        ) from error
    except paramiko.AuthenticationException as error:
        raise Refused(
            f"{route.host} does not let {route.user} in: {error}",
            hint="on the master: piufarm master add-slave NAME KEY.pub; here: is the key in the agent, or unencrypted?",
        ) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        kind = TurnedAway if isinstance(error.__context__, EOFError | ConnectionError) else Unreachable
        raise kind(f"cannot log in to {route.user}@{route.host} port {route.port}: {error}") from error
    transport = client.get_transport()
    if transport.get_remote_server_key().get_base64() in revoked_keys(route.known_hosts):
        raise Untrusted(f"the host key of {route.host} is revoked", hint=f"see the @revoked line in {_files(route)}")
    return transport


def _files(route: Route) -> str:
    return " or ".join(str(path) for path in route.known_hosts if path.exists())


def _socket(route: Route, cleanup: ExitStack, known_hosts: Path, *, depth: int = 0) -> _Socket:
    """A connection to the host's SSH port, directly or by the ways that ssh's configuration names."""
    if route.jumps:
        return _through_jumps(route, cleanup, known_hosts, depth)
    if route.proxy_command:
        proxy = paramiko.ProxyCommand(route.proxy_command)
        cleanup.callback(proxy.close)
        return proxy
    try:
        connection = socket.create_connection((route.host, route.port), timeout=CONNECT_SECONDS)
    except OSError as error:
        raise Unreachable(
            f"cannot reach {route.host} port {route.port}: {error.strerror or error}", hint="is the master up?"
        ) from error
    cleanup.callback(connection.close)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MILLISECONDS)
    return connection


def _through_jumps(route: Route, cleanup: ExitStack, known_hosts: Path, depth: int) -> paramiko.Channel:
    """Log in to each host on the way, verified like the last one; only the first may have ways of its own."""
    if depth >= _DEEPEST_JUMP:
        raise FarmError(f"ProxyJump of {route.host} leads in circles", hint="see ~/.ssh/config")
    hops = [find_route(name, user=None, extra_known_hosts=known_hosts) for name in route.jumps]
    connection = _socket(hops[0], cleanup, known_hosts, depth=depth + 1)
    for hop, following in pairwise([*hops, route]):
        transport = _connect(hop, cleanup, connection)
        transport.set_keepalive(KEEPALIVE_SECONDS)
        try:
            connection = transport.open_channel(
                "direct-tcpip", (following.host, following.port), ("127.0.0.1", 0), timeout=CONNECT_SECONDS
            )
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Unreachable(f"{hop.host} does not lead to {following.host}: {error}") from error
        cleanup.callback(connection.close)
    return connection


def _silence_paramiko() -> None:
    """Its threads would print tracebacks for what reaches us as an error anyway."""
    logger = logging.getLogger("paramiko")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
