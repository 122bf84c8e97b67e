"""The common ground of a measurement: one base, one mirror, all .debs cached on both sides before anything counts."""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.tester.usage import Usage, measured
from bench.tester_hello import CLONE, base_tarball
from piufarm.archive.mirror import Mirror, default_mirror
from piufarm.run import clean_environment, run
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.layers.closure import Deb, closures
from piufarm.slave.network.debs import DebCache

PIUFARM: Final = CLONE / "bin" / "piufarm"
_FLOOR: Final = Path(__file__).parent / "floor.sh"


@dataclass(frozen=True)
class Ground:
    """What both sides stand on."""

    folder: Path
    mirror: Mirror
    tarball: Path
    base: PreparedBase
    versions: dict[str, str] = field(default_factory=dict)  # of the packages drawn

    @property
    def archives(self) -> Path:
        """The floor's .debs, where apt looks for them if `debs` is a layer below it."""
        return self.folder / "debs/var/cache/apt/archives"

    @property
    def words(self) -> list[str | Path]:
        """Options of a test on this base, as a farm gives them."""
        return ["-d", self.mirror.suite, "-m", f"{self.mirror.uri} main", "-b", self.tarball, "--no-upgrade-test",
                "--compat"]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Of our tester: caches of this measurement alone, but for the base."""
        return clean_environment(PIUFARM_CACHE=str(self.folder / "cache"))

    def floor(self, package: str) -> Usage:
        """apt and dpkg alone, with both of apt's caches in place."""
        return self._floor(package, {})

    def fetch_for_floor(self, package: str) -> bool:
        """Fill the floor's archives; returns whether that worked."""
        return self._floor(package, {"DOWNLOAD": "1"}).status == 0

    def _floor(self, package: str, extra: dict[str, str]) -> Usage:
        words: list[str | Path] = ["unshare", "--mount", _FLOOR, self.archives, package]
        words += [self.folder / "debs", self.folder / "caches", *self.base.layers]
        return measured(words, clean_environment(**extra), log=self.folder / f"floor-{package}.log")

    def ours(self, package: str, *extra: str | Path) -> Usage:
        """Our tester, as a farm runs it."""
        words = [PIUFARM, "test", *self.words, "--result", self.folder / "result.json", *extra, "--apt", package]
        return measured(words, self.environment(), log=self.folder / "ours.log")

    def sample(self, seed: int, count: int) -> list[str]:
        """Testable packages of main, drawn by the seed."""
        names: set[str] = set()
        for file in (self.base.root / "var/lib/apt/lists").glob("*_Packages"):
            with file.open() as stream:
                names.update(line[9:].strip() for line in stream if line.startswith("Package: "))
        drawn = sorted(names)
        random.Random(seed).shuffle(drawn)
        found: dict[str, list[Deb]] = {}
        cache = self.folder / "apt-cache"
        for package, debs in closures(self.base.root, cache, drawn[: count + count // 5 + 5]):
            if debs and len(found) < count:
                found[package] = debs
        self._fetch(found)
        self.versions.update(
            (package, deb.version) for package, debs in found.items() for deb in debs if deb.name == package
        )
        return [package for package in found if package in self.versions]

    def _fetch(self, found: Mapping[str, Sequence[Deb]]) -> None:
        """All .debs into the floor's archives, and from there into our cache under their URLs."""
        self.archives.joinpath("partial").mkdir(parents=True, exist_ok=True)
        cache = DebCache(self.folder / "cache" / "debs")
        missing = [deb for debs in found.values() for deb in debs if not cache.path_for(deb.url).exists()]
        files = self._archived() if missing else {}
        for package, debs in found.items():
            if any(deb in missing and deb.sha256 not in files for deb in debs):
                self.fetch_for_floor(package)
                files = self._archived()
        for deb in missing:
            with cache.writer(deb.url) as copy, files[deb.sha256].open("rb") as original:
                shutil.copyfileobj(original, copy)

    def _archived(self) -> dict[str, Path]:
        return {_sum(path): path for path in self.archives.glob("*.deb")}


def _sum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def folder_of(chosen: Path | None) -> Iterator[Path]:
    """A folder to measure in: the chosen one stays, layers and uncompressed .debs excepted."""
    if chosen is None:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            yield Path(name)
        return
    for old in (chosen / "cache" / "plain", *chosen.glob("cache/bases/*/copy-*/layers"), *chosen.glob("slave-*")):
        shutil.rmtree(old, ignore_errors=True)
    yield chosen


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """Prepare it in a folder of its own."""
    mirror = default_mirror()
    tarball = base_tarball(CLONE / ".cache", mirror)
    folder.mkdir(parents=True, exist_ok=True)
    words: list[str | Path] = ["-d", mirror.suite, "-m", f"{mirror.uri} main", "-b", tarball]
    words += ["--no-upgrade-test", "--compat"]
    environment = clean_environment(PIUFARM_CACHE=str(folder / "cache"))
    run([PIUFARM, "test", *words, "--apt", "hello"], env=environment)
    (shelf,) = (folder / "cache" / "bases").iterdir()
    base = PreparedBase(shelf / (shelf / "current").readlink())
    with base:
        _make_caches(base, folder / "caches")
        yield Ground(folder, mirror, tarball, base)


def _make_caches(base: PreparedBase, layer: Path) -> None:
    """Both caches of apt, as after apt-get update, in a layer for the floor: ours have one of them only."""
    here = layer / "var/cache/apt"
    if not here.exists():
        here.mkdir(parents=True)
        run(["unshare", "--mount", "sh", "-c",
             f"mount --bind {here} {base.root}/var/cache/apt && mount -t proc proc {base.root}/proc "
             f"&& chroot {base.root} apt-cache gencaches && mkdir -p {base.root}/var/cache/apt/archives/partial"])
