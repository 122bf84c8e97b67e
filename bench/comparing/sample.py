"""Which packages: drawn from a suite's index by a seed, or from a list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from bench.comparing.record import Candidate
from piufarm.archive.cache import IndexCache
from piufarm.archive.mirror import Mirror
from piufarm.archive.release import fetch_release
from piufarm.archive.suite import SuitePackages
from piufarm.archive.trust import Trust, host_keyrings
from piufarm.config.defaults import host_apt_setting
from piufarm.errors import UsageError
from piufarm.names import Package


def index(mirror: Mirror, suite: str, cache: Path) -> SuitePackages:
    """What the component main of a suite offers to this machine; a suite that has expired will do. Raises FarmError."""
    indexes = IndexCache(cache)
    trust = Trust(host_keyrings(), check_valid_until=False)
    release = fetch_release(mirror.uri, suite, trust=trust, fetcher=indexes.fetcher)
    arch = host_apt_setting("APT::Architecture")
    return SuitePackages([indexes.index(release, f"main/binary-{arch}/Packages")], digest=suite)


def draw(packages: SuitePackages, seed: int, count: int) -> list[Candidate]:
    """So many packages, the same for each seed and index; more of them begin with the fewer."""
    names = sorted(record.name for record in packages)
    Random(seed).shuffle(names)
    return [_candidate(packages, name) for name in names[:count]]


def listed(packages: SuitePackages, lines: Sequence[str]) -> list[Candidate]:
    """`name` or `name=version`, one a line; # begins a comment. Raises UsageError for an unknown name."""
    found = []
    for line in lines:
        word = line.partition("#")[0].strip()
        if word:
            name, _, version = word.partition("=")
            found.append(Candidate(name, version) if version else _candidate(packages, name))
    return found


def _candidate(packages: SuitePackages, name: str) -> Candidate:
    version = packages.version(Package(name))
    if version is None:
        raise UsageError(f"the suite has no package {name}", hint="give a version, or take it off the list")
    return Candidate(name, version)
