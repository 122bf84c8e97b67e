"""The base image that real chroots of the tests start from."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from piufarm.archive.mirror import Mirror, default_mirror
from piufarm.run import clean_environment, run

CACHE: Final = Path(__file__).resolve().parents[2] / ".cache"
_MAX_AGE_SECONDS: Final = 7 * 24 * 3600
_MERGED_USR: Final = Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")


@dataclass(frozen=True)
class BaseTarball:
    """A minimal system of the host's own release, as .tar.gz for any tester; lists and .debs are not in it."""

    path: Path
    suite: str
    mirror: Mirror


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One maker at a time, also among several runs of the tests."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _make(target: Path, mirror: Mirror) -> None:
    """Bootstrap; the tarball appears whole or not at all."""
    new = target.with_name(f".new-{os.getpid()}-{target.name}")
    signed_by = f"[signed-by={','.join(map(str, mirror.keyrings))}] " if mirror.keyrings else ""
    source = f"deb {signed_by}{mirror.uri} {mirror.suite} main"
    hooks = [f"--hook-dir={_MERGED_USR}"] if _MERGED_USR.is_dir() else []
    try:
        run(
            ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", *hooks, mirror.suite, new, source],
            env=clean_environment(SOURCE_DATE_EPOCH=str(int(time.time()) // 86400 * 86400)),
            timeout_seconds=900,
        )
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def base_tarball() -> BaseTarball:
    """Made from the host's mirror when there is none of the last seven days."""
    mirror = default_mirror()
    path = CACHE / f"base-{mirror.suite}.tar.gz"
    with _lock(CACHE / "lock"):
        if not path.exists() or time.time() - path.stat().st_mtime > _MAX_AGE_SECONDS:
            _make(path, mirror)
    return BaseTarball(path, mirror.suite, mirror)
