"""Chroots on both backends, made from one small base without any network."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from demo.archive import SignedArchive
from demo.server import serve
from piufarm.slave import setup_schroot_command
from piufarm.slave.bases.prepare import prepare
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.bases.request import BaseRequest, Tarball
from piufarm.slave.chroot import schroot
from piufarm.slave.chroot.interface import ChrootLimits
from piufarm.slave.chroot.launch import Launch, launch
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.schroot import SchrootBackend, schroot_base
from piufarm.slave.chroot.supervised import SupervisedChroot
from piufarm.slave.network.access import NetworkAccess
from tests.support.accounts import Account
from tests.support.bases import BaseTarball

LIMITS: Final = ChrootLimits(disk_bytes=256 << 20, memory_bytes=512 << 20, processes=400)
SUITE: Final = "tested"

Opener = Callable[..., AbstractContextManager[SupervisedChroot]]


@pytest.fixture(scope="session")
def plain_base(base_tarball: BaseTarball, session_cache: Path) -> Iterator[PreparedBase]:
    """The base as it comes from the tarball: no lists, nothing fetched."""
    request = BaseRequest(Tarball(base_tarball.path), "amd64", upgrade=False)
    with prepare(request, cache=session_cache, network=NetworkAccess((), session_cache / "debs")) as base:
        yield base


@pytest.fixture(scope="session")
def made_schroot(base_tarball: BaseTarball, unprivileged_account: Account) -> Iterator[str]:
    """The name of a schroot of the unprivileged account, made by the real command from an archive on loopback."""
    folder = Path(tempfile.mkdtemp(prefix="piufarm-test-"))
    folder.chmod(0o755)
    architecture = f"test{os.getpid()}"  # makes the name unique on the host
    name = f"piufarm-{SUITE}-{architecture}"
    archive = SignedArchive(folder / "archive", architectures=[default_architecture()])
    archive.publish(SUITE, [])
    parser = argparse.ArgumentParser()
    setup_schroot_command.configure(parser)
    configuration = Path("/etc/schroot/chroot.d") / name
    with serve(archive.www) as server:
        words = [SUITE, "--user", unprivileged_account.name, "--arch", architecture]
        words += ["--tarball", str(base_tarball.path), "--directory", str(folder / "schroot")]
        words += ["--mirror", f"{server.url} main", "--keyring", str(archive.keyring)]
        try:
            assert setup_schroot_command.main(parser.parse_args(words)) == 0
            yield name
        finally:
            configuration.unlink(missing_ok=True)
            shutil.rmtree(folder)


def default_architecture() -> str:
    """Of the host."""
    import apt_pkg

    apt_pkg.init_config()
    return str(apt_pkg.config.find("APT::Architecture"))


@pytest.fixture
def no_network(session_cache: Path) -> NetworkAccess:
    """Nothing can be reached."""
    return NetworkAccess((), session_cache / "debs")


@pytest.fixture
def tmpdir_of_chroots() -> Iterator[Path]:
    """An empty folder to name chroots after; it has to be empty again when the test ends."""
    folder = Path(tempfile.mkdtemp(prefix="piufarm-tmp-"))
    folder.chmod(0o755)
    yield folder
    assert list(folder.iterdir()) == []
    folder.rmdir()


@pytest.fixture(params=["overlay", "schroot"])
def opener(
    request: pytest.FixtureRequest, tmpdir_of_chroots: Path, no_network: NetworkAccess, monkeypatch: pytest.MonkeyPatch
) -> Opener:
    """Opens a chroot of the backend at hand; the schroot one is reached from the unprivileged account."""
    if request.param == "overlay":
        base = request.getfixturevalue("plain_base")

        @contextmanager
        def open_overlay(limits: ChrootLimits = LIMITS) -> Iterator[Any]:
            with OverlayBackend(tmpdir_of_chroots, no_network).open(base, limits) as chroot:
                yield chroot

        return open_overlay
    name = request.getfixturevalue("made_schroot")
    account: Account = request.getfixturevalue("unprivileged_account")

    def launch_as_account(**how: Any) -> Launch:
        start = launch(**how)
        return replace(start, argv=(*account.prefix, *start.argv))

    monkeypatch.setattr(schroot, "launch", launch_as_account)

    @contextmanager
    def open_schroot(limits: ChrootLimits = LIMITS) -> Iterator[Any]:
        backend = SchrootBackend(tmpdir_of_chroots, no_network)
        with schroot_base(name) as base, backend.open(base, limits) as chroot:
            yield chroot

    return open_schroot


@pytest.fixture
def schroot_copy(made_schroot: str, no_network: NetworkAccess) -> Iterator[PreparedBase]:
    """The base behind the unprivileged account's schroot."""
    with schroot_base(made_schroot) as base:
        yield base
