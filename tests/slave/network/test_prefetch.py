"""Fetching ahead: only what the index promises, and not further than is of use."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.server import serve
from piufarm.slave.network.debs import DebCache
from piufarm.slave.network.prefetch import AHEAD, Prefetch


@dataclass(frozen=True)
class Wanted:
    url: str
    size_bytes: int
    sha256: str


def wanted(base: str, folder: Path, name: str, content: bytes = b"deb") -> Wanted:
    """A .deb on a server."""
    (folder / name).write_bytes(content)
    return Wanted(f"{base}/{name}", len(content), hashlib.sha256(content).hexdigest())


def eventually(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not check() and time.monotonic() < deadline:
        time.sleep(0.01)
    return check()


def test_debs_are_in_the_cache_before_they_are_asked_for(tmp_path: Path) -> None:
    www, cache = tmp_path / "www", DebCache(tmp_path / "debs")
    www.mkdir()
    with serve(www) as server:
        debs = [wanted(server.url, www, f"{number}.deb") for number in range(3)]
        prefetch = Prefetch(tmp_path / "debs", None)
        prefetch.start([debs[:2], debs[2:]])
        assert eventually(lambda: all(cache.path_for(deb.url).exists() for deb in debs))
        prefetch.end()


def test_nothing_is_fetched_long_before_its_turn(tmp_path: Path) -> None:
    www, cache = tmp_path / "www", DebCache(tmp_path / "debs")
    www.mkdir()
    with serve(www) as server:
        debs = [wanted(server.url, www, f"{number}.deb") for number in range(AHEAD + 3)]
        prefetch = Prefetch(tmp_path / "debs", None)
        prefetch.start([[deb] for deb in debs])
        assert eventually(lambda: cache.path_for(debs[AHEAD].url).exists())
        assert not cache.path_for(debs[AHEAD + 2].url).exists()
        prefetch.reached(2)
        assert eventually(lambda: cache.path_for(debs[AHEAD + 2].url).exists())
        prefetch.end()


def test_what_is_not_as_promised_is_not_kept_and_the_rest_is(tmp_path: Path) -> None:
    www, cache = tmp_path / "www", DebCache(tmp_path / "debs")
    www.mkdir()
    with serve(www) as server:
        good = wanted(server.url, www, "good.deb")
        bad = [
            Wanted(f"{server.url}/missing.deb", 3, ""),
            Wanted(wanted(server.url, www, "forged.deb").url, 3, "0" * 64),
            Wanted(wanted(server.url, www, "short.deb").url, 4, ""),
            Wanted("http://127.0.0.1:1/x.deb", 3, ""),
        ]
        prefetch = Prefetch(tmp_path / "debs", None)
        prefetch.start([[*bad, good]])
        assert eventually(lambda: cache.path_for(good.url).exists())
        assert not any(cache.path_for(deb.url).exists() for deb in bad)
        prefetch.end()
