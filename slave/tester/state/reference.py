"""The state of a chroot at one moment of a test, to compare a later one with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from piufarm.slave.tester.state.diversions import Diversion
from piufarm.slave.tester.state.identities import Identities
from piufarm.slave.tester.state.owners import FileLists
from piufarm.slave.tester.state.packages import InstalledPackage
from piufarm.slave.tester.state.tree import Tree

# Read by slaves, which then remove the file that the reference came from.
OUTDATED: Final = "History of available packages does not match - reference chroot may be outdated"


@dataclass(frozen=True)
class Facts:
    """What is known of a chroot's state beside its tree."""

    packages: Mapping[str, InstalledPackage]  # all that dpkg knows of, those with only configuration files, too
    lists: FileLists
    diversions: tuple[Diversion, ...]
    identities: Identities


@dataclass(frozen=True)
class Reference:
    """What a test is measured against: usually the base itself, else a moment of this or an earlier test.

    The tree is the index of the base with the changes of that moment laid over it, so that comparing two moments looks
    only at what has changed in either. `available_history` identifies what the archive had each time the lists of
    packages were fetched.
    """

    tree: Tree
    gather: Callable[[], Facts]
    available_history: tuple[str, ...] = ()

    @cached_property
    def _facts(self) -> Facts:
        return self.gather()

    @property
    def packages(self) -> Mapping[str, InstalledPackage]:
        """The packages that dpkg knew of."""
        return self._facts.packages

    @property
    def lists(self) -> FileLists:
        """Who owned which path."""
        return self._facts.lists

    @property
    def diversions(self) -> tuple[Diversion, ...]:
        """The diversions that were in force."""
        return self._facts.diversions

    @property
    def identities(self) -> Identities:
        """The names of users and groups."""
        return self._facts.identities
