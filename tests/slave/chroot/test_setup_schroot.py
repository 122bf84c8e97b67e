"""Setting up the unprivileged account's schroot, and what comes of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.errors import FarmError, UsageError
from piufarm.run import run
from piufarm.slave import setup_schroot_command
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.request import BaseRequest, Tarball
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Changes
from piufarm.slave.chroot.schroot import SchrootBackend, schroot_base
from piufarm.slave.network.access import NetworkAccess
from tests.slave.chroot.conftest import LIMITS, SUITE
from tests.support.accounts import Account
from tests.support.bases import BaseTarball

SESSIONS: Final = Path("/var/lib/schroot/session")

Setup = Callable[..., int]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """The command, with all that it writes below the test's folder."""

    def run_it(*words: str) -> int:
        (tmp_path / "chroot.d").mkdir(exist_ok=True)
        parser = argparse.ArgumentParser()
        setup_schroot_command.configure(parser)
        places = ["--directory", str(tmp_path / "schroot"), "--schroot-conf", str(tmp_path / "chroot.d")]
        return setup_schroot_command.main(parser.parse_args([*words, *places]))

    return run_it


def test_the_account_may_look_and_nobody_else(
    schroot_copy: PreparedBase, unprivileged_account: Account, made_schroot: str
) -> None:
    folder = schroot_copy.root.parent
    assert (folder.stat().st_mode & 0o777, folder.stat().st_gid) == (0o750, unprivileged_account.gid)
    read = run([*unprivileged_account.prefix, "cat", schroot_copy.root / "var/lib/dpkg/status"])
    assert b"Package: dpkg" in read.stdout
    written = run([*unprivileged_account.prefix, "touch", schroot_copy.root / "etc/passwd"], check=False)
    assert written.status != 0
    stranger = ("setpriv", "--reuid", "daemon", "--regid", "daemon", "--clear-groups")
    assert run([*stranger, "ls", schroot_copy.root], check=False).status != 0
    assert run([*stranger, "schroot", "--chroot", made_schroot, "--user", "root", "true"], check=False).status != 0
    listed = run([*unprivileged_account.prefix, "schroot", "--list"]).stdout.decode().split()
    assert f"chroot:{made_schroot}" in listed
    assert [path for path in SESSIONS.iterdir() if made_schroot in path.name] == [], "no session is ever begun"


def test_a_schroot_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="there is no schroot nobody-made-this"):
        schroot_base("nobody-made-this")
    other = Path("/etc/schroot/chroot.d/piufarm-test-foreign")
    other.write_text(f"[piufarm-test-foreign]\ntype=plain\ndirectory={tmp_path}\nusers=root\n")
    try:
        with pytest.raises(FarmError, match="not one of ours"):
            schroot_base("piufarm-test-foreign")
    finally:
        other.unlink()


def test_bad_requests_are_refused_before_anything_is_made(setup: Setup, tmp_path: Path) -> None:
    for words, text in (
        (["sid"], "whose schroot"),
        (["sid", "--user", "nobody-has-this-name"], "no account"),
        (["sid", "--user", "root"], "root needs no schroot"),
        (["../sid", "--user", "daemon"], "cannot be named"),
    ):
        with pytest.raises(UsageError, match=text):
            setup(*words)
    with pytest.raises(FarmError, match="nothing to refresh"):
        setup("sid", "--refresh")
    assert not (tmp_path / "schroot").exists()


def test_a_refresh_takes_what_was_asked_for_before(
    setup: Setup, tmp_path: Path, signed_archive: SignedArchive, archive_server: ArchiveServer,
    base_tarball: BaseTarball, unprivileged_account: Account, capsys: pytest.CaptureFixture[str],
) -> None:
    tarball = str(base_tarball.path)
    signed_archive.publish(SUITE, [DebSpec("first")])
    words = ["--mirror", f"{archive_server.url} main", "--keyring", str(signed_archive.keyring), "--tarball", tarball]
    assert setup(SUITE, "--user", unprivileged_account.name, *words) == 0
    (name,) = (path.name for path in (tmp_path / "schroot").iterdir())
    configured = (tmp_path / "chroot.d" / name).read_text()
    assert f"root-users={unprivileged_account.name}\n" in configured
    current = tmp_path / "schroot" / name / "current"
    before = current.readlink()
    assert setup(SUITE, "--refresh") == 0
    assert current.readlink() == before, "nothing has changed in the archive"
    signed_archive.publish(SUITE, [DebSpec("first"), DebSpec("second")])
    assert setup(SUITE, "--refresh") == 0
    assert current.readlink() != before
    assert f"schroot {name}: base " in capsys.readouterr().out


def test_lists_that_are_outdated_are_fetched_at_the_beginning_of_a_test(
    schroot_copy: PreparedBase, tmpdir_of_chroots: Path, signed_archive: SignedArchive, archive_server: ArchiveServer,
    tmp_path: Path,
) -> None:
    signed_archive.publish(SUITE, [DebSpec("newcomer")])
    request = BaseRequest(
        Tarball(tmp_path),
        "amd64",
        sources_list=f"deb {archive_server.url} {SUITE} main\n",
        files={"/etc/apt/trusted.gpg.d/other.gpg": (signed_archive.keyring.read_bytes(), 0o644)},
        archives=((archive_server.url, SUITE),),
    )
    network = NetworkAccess((archive_server.url,), tmp_path / "debs")
    backend = SchrootBackend(tmpdir_of_chroots, network, request)
    with backend.open(schroot_copy, LIMITS) as chroot:
        assert chroot.changes() == Changes({}, {}), "what the tester did itself is no change"
        assert chroot.base.packages == schroot_copy.packages
        shown = chroot.run(["apt-cache", "show", "newcomer"], env=CHROOT_ENVIRONMENT)
        assert b"Package: newcomer" in shown.output
    with SchrootBackend(tmpdir_of_chroots, network, replace(request, sources_list=None, files={}, archives=())).open(
        schroot_copy, LIMITS
    ) as chroot:
        assert chroot.base is schroot_copy


def test_a_base_of_the_cache_is_not_one_of_a_schroot(tmpdir_of_chroots: Path, tmp_path: Path) -> None:
    foreign = SimpleNamespace(base_id="x", root=tmp_path, tree={}, packages={})
    with pytest.raises(FarmError, match="does not belong to a schroot"):
        SchrootBackend(tmpdir_of_chroots).open(foreign, LIMITS).__enter__()
