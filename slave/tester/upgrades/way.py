"""What an upgrade through several suites needs to know beside the chroot that it happens in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from piufarm.slave.chroot.interface import Chroot
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.upgrades.suites import Suite


@dataclass(frozen=True)
class Way:
    """The suites, and where the reference, the base without packages at the end of the way, can come from."""

    suites: tuple[Suite, ...]  # the first is that of the base
    another_root: Callable[[], AbstractContextManager[Examination]]  # set up, for no packages at all
    network: NetworkAccess
    cache: Path  # a directory for references
    # A root, open as long as the test, of the base upgraded to the last suite; None: it is upgraded in the test.
    open_upgraded: Callable[[], Chroot] | None = None

    @property
    def later(self) -> tuple[Suite, ...]:
        """The suites to upgrade to."""
        return self.suites[1:]

    def current_states(self) -> tuple[str, ...]:
        """What the archives of the later suites have now, one after the other. Raises FarmError."""
        return tuple(suite.current_state(self.network) for suite in self.later)
