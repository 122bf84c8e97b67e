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


@contextmanager
def connected(base: PreparedBase, tmpdir: Path, server: ArchiveServer, cache: Path) -> Iterator[SupervisedChroot]:
    """A chroot that may reach the server."""
    access = NetworkAccess((f"{server.url}/dists", f"{server.url}/pool"), cache)
    with OverlayBackend(tmpdir, access).open(base, LIMITS) as chroot:
        assert isinstance(chroot, SupervisedChroot)
        yield chroot


def fetch(chroot: SupervisedChroot, *argv: str) -> CommandResult:
    """Run a command that may fetch."""
    return chroot.run(argv, env=CHROOT_ENVIRONMENT, network=True)


@pytest.fixture
def chroot(
    plain_base: PreparedBase,
    tmpdir_of_chroots: Path,
    archive_server: ArchiveServer,
    signed_archive: SignedArchive,
    tmp_path: Path,
) -> Iterator[SupervisedChroot]:
    """A chroot with the loopback archive as apt's only source."""
    signed_archive.publish(SUITE, [DebSpec("large", files={"/usr/share/large": "a line\n" * 2_000_000})])
    with connected(plain_base, tmpdir_of_chroots, archive_server, tmp_path / "debs") as opened:
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


def test_clients_that_do_not_read_or_never_ask_hold_nobody_up(
    chroot: SupervisedChroot, archive_server: ArchiveServer, signed_archive: SignedArchive
) -> None:
    (deb,) = (signed_archive.www / "pool").rglob("*.deb")
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
    assert fetch(chroot, "apt-get", "update").status == 0


def test_a_chroot_without_any_network_says_so(plain_base: PreparedBase, tmpdir_of_chroots: Path) -> None:
    with OverlayBackend(tmpdir_of_chroots).open(plain_base, LIMITS) as chroot, pytest.raises(FarmError, match="no way"):
        chroot.run(["true"], env=CHROOT_ENVIRONMENT, network=True)
