"""apt in a chroot reaches the archives while it may, and nothing else ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.config.model import NetworkScope
from piufarm.errors import FarmError
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import CommandResult
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.supervised import SupervisedChroot
from piufarm.slave.network.access import NetworkAccess
from tests.slave.chroot.conftest import LIMITS, SUITE

# Reads a path of a mirror through the proxy of the environment; prints the first line of the answer.
ASK: Final = """
use IO::Socket::INET; my ($proxy) = $ENV{http_proxy} =~ m{//(.*)} or exit 3;
my $it = IO::Socket::INET->new(PeerAddr => $proxy, Timeout => 20) or exit 4;
print $it "$ARGV[0] $ARGV[1] HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n"; print scalar <$it>;
"""
# Asks when it is configured, and leaves a daemon that asks on whatever port listens from then on.
LISTENING: Final = r"s/.*0100007F:\(....\) 00000000:0000 0A.*/\1/p"
CURIOUS: Final = DebSpec(
    "curious",
    scripts={
        "postinst": f"""
ask GET $(cat /etc/asked) > /var/answer
while :; do
    for port in $(sed -n '{LISTENING}' /proc/net/tcp); do
        http_proxy=http://127.0.0.1:$((0x$port)) ask GET $(cat /etc/asked) || true
    done
    sleep 0.02
done > /var/answers 2>&1 &
"""
    },
)
REPLACING: Final = DebSpec(
    "replacing",
    scripts={"postinst": "/usr/lib/apt/apt-helper download-file $http_proxy/x /x > /var/helped 2>&1 || true"},
)


@contextmanager
def connected(
    base: PreparedBase, tmpdir: Path, server: ArchiveServer, cache: Path, scope: NetworkScope
) -> Iterator[SupervisedChroot]:
    """A chroot that may reach the server."""
    access = NetworkAccess((f"{server.url}/dists", f"{server.url}/pool"), cache, scope=scope)
    with OverlayBackend(tmpdir, access).open(base, LIMITS) as chroot:
        assert isinstance(chroot, SupervisedChroot)
        yield chroot


def fetch(chroot: SupervisedChroot, *argv: str) -> CommandResult:
    """Run a command that may fetch."""
    return chroot.run(argv, env=CHROOT_ENVIRONMENT, network=True)


@pytest.fixture
def scope() -> NetworkScope:
    """What the chroot may reach."""
    return NetworkScope.APT


for_everybody: Final = pytest.mark.parametrize("scope", [NetworkScope.ARCHIVES])


@pytest.fixture
def chroot(
    scope: NetworkScope,
    plain_base: PreparedBase,
    tmpdir_of_chroots: Path,
    archive_server: ArchiveServer,
    signed_archive: SignedArchive,
    tmp_path: Path,
) -> Iterator[SupervisedChroot]:
    """A chroot with the loopback archive as apt's only source."""
    large = DebSpec("large", files={"/usr/share/large": "a line\n" * 2_000_000})
    signed_archive.publish(SUITE, [large, CURIOUS, REPLACING])
    with connected(plain_base, tmpdir_of_chroots, archive_server, tmp_path / "debs", scope) as opened:
        opened.put("/etc/apt/trusted.gpg.d/loopback.gpg", signed_archive.keyring.read_bytes())
        opened.put("/etc/apt/sources.list", f"deb {archive_server.url} {SUITE} main\n".encode())
        yield opened


def test_apt_installs_from_the_archive(chroot: SupervisedChroot) -> None:
    assert fetch(chroot, "apt-get", "update").status == 0
    installed = fetch(chroot, "apt-get", "-y", "install", "large")
    assert installed.status == 0, installed.output
    assert chroot.entries(["/usr/share/large"])["/usr/share/large"].size == 14_000_000


def test_without_leave_apt_finds_nobody(chroot: SupervisedChroot) -> None:
    words = ["apt-get", "-o", "APT::Update::Error-Mode=any", "-o", "Acquire::Retries=0", "update"]
    result = chroot.run(words, env=CHROOT_ENVIRONMENT)
    assert result.status == 100


def test_the_door_is_closed_when_the_command_ends(chroot: SupervisedChroot) -> None:
    told = fetch(chroot, "sh", "-c", "echo $http_proxy").output.decode().strip()
    again = chroot.run(["perl", "-e", ASK, "GET", "x"], env={**CHROOT_ENVIRONMENT, "http_proxy": told})
    assert again.status == 4


def test_maintainer_scripts_find_the_door_closed_while_apt_finds_it_open(
    chroot: SupervisedChroot, archive_server: ArchiveServer
) -> None:
    chroot.put("/usr/bin/ask", f"#!/usr/bin/perl\n{ASK}".encode(), mode=0o755)
    chroot.put("/etc/asked", f"{archive_server.url}/dists/{SUITE}/InRelease".encode())
    assert fetch(chroot, "apt-get", "update").status == 0
    assert fetch(chroot, "apt-get", "-y", "install", "curious").status == 0
    assert chroot.read("/var/answer") == b"HTTP/1.1 403 No network for maintainer scripts\r\n"
    assert chroot.processes(), "the daemon goes on asking"
    fetch(chroot, "sh", "-c", "while ! test -s /var/answers; do sleep 0.05; done; apt-get update")
    answers = set((chroot.read("/var/answers") or b"").splitlines())
    assert answers == {b"HTTP/1.1 403 No network for maintainer scripts"}


def test_a_method_of_apt_that_a_script_starts_is_refused_too(chroot: SupervisedChroot) -> None:
    assert fetch(chroot, "apt-get", "update").status == 0
    assert fetch(chroot, "apt-get", "-y", "install", "replacing").status == 0
    assert b"403" in (chroot.read("/var/helped") or b"")


@for_everybody
def test_where_everybody_may_scripts_reach_the_archives(
    chroot: SupervisedChroot, archive_server: ArchiveServer
) -> None:
    asked = f"{archive_server.url}/dists/{SUITE}/InRelease"
    answer = chroot.run(["perl", "-e", ASK, "GET", asked], env=CHROOT_ENVIRONMENT)
    assert answer.output.startswith(b"HTTP/1.1 200 ")


@for_everybody
def test_other_places_are_refused(chroot: SupervisedChroot, archive_server: ArchiveServer) -> None:
    for method, target in (
        ("GET", f"{archive_server.url}/secret"),
        ("GET", "http://192.0.2.1/"),
        ("CONNECT", "192.0.2.1:443"),
        ("CONNECT", f"127.0.0.1:{archive_server.port}"),
    ):
        assert fetch(chroot, "perl", "-e", ASK, method, target).output.startswith(b"HTTP/1.1 403 ")
    answer = fetch(chroot, "perl", "-e", ASK, "GET", f"{archive_server.url}/dists/{SUITE}/InRelease")
    assert answer.output.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("scope", [NetworkScope.APT, NetworkScope.ARCHIVES])
def test_clients_that_do_not_read_or_never_ask_hold_nobody_up(
    chroot: SupervisedChroot, archive_server: ArchiveServer, signed_archive: SignedArchive
) -> None:
    (deb,) = (signed_archive.www / "pool").rglob("large*.deb")
    url = f"{archive_server.url}/{deb.relative_to(signed_archive.www)}"
    crowd = """
    use IO::Socket::INET; my ($proxy) = $ENV{http_proxy} =~ m{//(.*)}; my @open;
    for (1 .. 100) { my $it = IO::Socket::INET->new(PeerAddr => $proxy, Timeout => 1) or next; push @open, $it;
        print $it "GET $ARGV[0] HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" if $_ % 2; $it->flush }
    print scalar @open;
    """
    many = fetch(chroot, "perl", "-e", crowd, url)
    assert many.status == 0
    assert int(many.output) >= 64
    assert chroot.processes() == []
    assert fetch(chroot, "apt-get", "update").status == 0


def test_a_chroot_without_any_network_says_so(plain_base: PreparedBase, tmpdir_of_chroots: Path) -> None:
    with OverlayBackend(tmpdir_of_chroots).open(plain_base, LIMITS) as chroot, pytest.raises(FarmError, match="no way"):
        chroot.run(["true"], env=CHROOT_ENVIRONMENT, network=True)
