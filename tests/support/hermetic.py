"""Each test starts from the same surroundings, whatever the developer's shell holds, and leaves them alone."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

_FORGOTTEN: Final = ("PIUPARTS_CONF", "http_proxy", "https_proxy", "DEBEMAIL", "LS_COLORS", "COLUMNS", "NO_COLOR")


def pytest_configure() -> None:
    """A busy machine is no failure: properties are judged by what they find, not by how long that takes."""
    settings.register_profile("piufarm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("piufarm")
    for number in (signal.SIGHUP, signal.SIGINT):
        # ignored, as `nohup` and background jobs of a shell have it, they would be so in every program under test, too
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache of prepared bases and .debs that all tests of a run share; it goes with the run."""
    directory = tmp_path_factory.mktemp("cache")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(autouse=True)
def hermetic(session_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No configuration, home or cache of the developer's; a test that leaves another working directory fails."""
    for name in _FORGOTTEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIUFARM_CACHE", str(session_cache))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    before = Path.cwd()
    yield
    assert Path.cwd() == before, "the test left the working directory that it started in"
