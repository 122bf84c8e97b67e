"""The suites that packages are upgraded through, each with the archives that make it up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from piufarm.config.distros import Distros
from piufarm.slave.bases.freshness import current_releases
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.roots.base_request import Archive, repositories, sources_list


@dataclass(frozen=True)
class Suite:
    """A stop on the way from the first suite to the last."""

    name: str
    sources: str  # content of sources.list
    target_release: str | None  # for apt-get -t

    @property
    def archives(self) -> tuple[tuple[str, str], ...]:
        """(URI, suite) of each archive with a Release file of its own."""
        return tuple((uri, suite) for uri, suite in repositories(self.sources) if not suite.endswith("/"))

    def current_state(self, network: NetworkAccess) -> str:
        """Identifies what its archives have now. Raises FarmError if one of them is down."""
        return state_of(current_releases(self.archives, network))


def state_of(releases: Iterable[str]) -> str:
    """Identifies what archives had, by the SHA-256 of their Release files."""
    return hashlib.sha256(" ".join(sorted(releases)).encode()).hexdigest()[:32]


def suites(options: Options, archives: Sequence[Archive], distros: Distros) -> tuple[Suite, ...]:
    """All suites of a test, in the order of the upgrades. Raises UsageError."""
    roots = [replace(options.root, distribution=name) for name in options.tests.distributions]
    return tuple(
        Suite(root.distribution, sources_list(root, archives, distros), distros.target_release(root.distribution))
        for root in roots
    )
